// A program with debug information and one USDT note of its own making.
#include <stdio.h>

struct inner {
	char tag[12];
	unsigned low : 3, high : 5;
};

union both {
	long number;
	char *text;
};

enum color { RED = 1, GREEN = 7 };

struct outer {
	struct inner in;
	union both u;
	enum color color;
	struct outer *next;
	short numbers[4];
	struct {
		int hidden;
	};
};

__attribute__((noinline)) long visit(struct outer *o, const char *name, unsigned short port, _Bool ok)
{
	// provider mine, name visit, arguments: a 32-bit constant, a 64-bit register
	__asm__ volatile("990: nop\n"
			 ".pushsection .note.stapsdt, \"\", \"note\"\n"
			 ".balign 4\n.4byte 992f-991f, 994f-993f, 3\n"
			 "991: .asciz \"stapsdt\"\n992: .balign 4\n"
			 "993: .8byte 990b, 0, 0\n.asciz \"mine\"\n.asciz \"visit\"\n.asciz \"-4@$-5 8@%%rdi\"\n"
			 "994: .balign 4\n.popsection\n" ::"r"(o));
	return name[0] + port + ok;
}

int main(void)
{
	struct outer o = {.color = GREEN};
	printf("%ld\n", visit(&o, "x", 80, 1));
	return 0;
}
