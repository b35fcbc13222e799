/* Types of parameters as DWARF describes them. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum color { RED, GREEN = 5, BLUE };
struct inner { short a; union { int b; float c; }; };
typedef struct node {
	struct node *next;
	char name[16];
	unsigned flags : 3;
	signed level : 5;
	int matrix[2][3];
	struct inner in;
	enum color color;
	const char *text;
	void (*callback)(int);
	_Bool ready;
	uint64_t big;
} node_t;

__attribute__((noinline)) long walk(const node_t *n, size_t depth, int8_t step, enum color c, double ratio, void *opaque) {
	return n->level + depth + step + c + (long)ratio + (opaque != 0);
}
__attribute__((noinline)) void nothing(void) { __asm__ volatile(""); }
__attribute__((noinline)) int many(const char *format, ...) { return format[0]; }
static inline __attribute__((always_inline)) int innermost(int x) {
	return x * 7 +
	       (x >> 1);
}
static inline __attribute__((always_inline)) int middle(int x) {
	__asm__ volatile("" ::: "memory");
	return innermost(x) + 1;
}
__attribute__((noinline)) int outer(int a, const char *b) {
	int r = middle(a);
	for (int i = 0; i < a; i++)
		r += b[0];
	return r;
}
int main(int argc, char **argv) {
	node_t n = {.level = 3};
	nothing();
	printf("%ld\n", walk(&n, argc, 1, GREEN, 2.5, argv) + many("x", 1) + outer(argc, argv[0]));
	return 0;
}

/* Defined in opaque.c. */
struct hidden;
__attribute__((noinline)) int peek(struct hidden *h) { return h != 0; }
