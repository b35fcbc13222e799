/* Like target.c, for static linking. */
#include <stdio.h>
#include <unistd.h>

__attribute__((noinline)) int parked(int x) { return x + 1; }

int main(int argc, char **argv) {
	char byte;
	printf("parked %p\nresult %d\n", (void *)parked, parked(argc));
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	return 0;
}
