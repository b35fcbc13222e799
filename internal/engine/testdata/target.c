// A program to trace. Without words it calls twice() as often as its first
// argument says; "open N", "read N" and "getppid N" make N system calls of that
// name, "twice N" N calls of twice(), "touch N" touches N fresh pages and
// "sleep N" sleeps N milliseconds.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((noinline)) int twice(int n)
{
	__asm__ volatile("" : "+r"(n));
	return n * 2;
}

static void repeat(const char *what, int n)
{
	int fd = open("/dev/zero", O_RDONLY);
	char *fresh, byte;

	if (!strcmp(what, "sleep"))
		usleep(n * 1000);
	if (!strcmp(what, "twice"))
		for (int i = 0; i < n; i++)
			twice(i);
	if (!strcmp(what, "open"))
		for (int i = 0; i < n; i++)
			close(open("/dev/null", O_RDONLY));
	if (!strcmp(what, "read"))
		for (int i = 0; i < n; i++)
			if (read(fd, &byte, 1) != 1)
				abort();
	if (!strcmp(what, "getppid"))
		for (int i = 0; i < n; i++)
			syscall(SYS_getppid);
	if (!strcmp(what, "touch")) {
		fresh = mmap(NULL, (size_t)n << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		madvise(fresh, (size_t)n << 12, MADV_NOHUGEPAGE);
		for (int i = 0; i < n; i++)
			fresh[(size_t)i << 12] = 1;
	}
}

int main(int argc, char **argv)
{
	long sum = 0;

	for (int i = 1; i + 1 < argc; i += 2)
		repeat(argv[i], atoi(argv[i + 1]));
	if (argc == 2)
		for (int i = 1; i <= atoi(argv[1]); i++)
			sum += twice(i);
	return sum < 0;
}
