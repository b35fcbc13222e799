// A program for uprobes: calls twice() as often as it is told, and waits for a
// line before and after.
#include <stdio.h>
#include <stdlib.h>

__attribute__((noinline)) int twice(int n)
{
	__asm__ volatile("" : "+r"(n));
	return n * 2;
}

int main(int argc, char **argv)
{
	int calls = argc > 1 ? atoi(argv[1]) : 1;
	long sum = 0;

	for (int i = 1; i <= calls; i++)
		sum += twice(i);
	printf("%ld\n", sum);
	return 0;
}
