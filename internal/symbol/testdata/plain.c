/* Functions, an alias, an IFUNC and variables to look up. */
#include <stdio.h>

int counter = 7;
static int hidden_counter[4] = {1, 2, 3, 4};

__attribute__((noinline)) static int hidden(int x) { return x + hidden_counter[x & 3]; }
__attribute__((noinline)) int visible(int x, const char *s) { return hidden(x) + s[0] + counter; }
int visible_alias(int x, const char *s) __attribute__((alias("visible")));
__attribute__((weak, noinline)) int overridable(void) { return 3; }

static int chosen_impl(int x) { return x * 2; }
static int (*resolve_chosen(void))(int) { return chosen_impl; }
int chosen(int x) __attribute__((ifunc("resolve_chosen")));

int main(int argc, char **argv) {
	printf("%d\n", visible(argc, argv[0]) + chosen(argc) + overridable());
	return 0;
}
