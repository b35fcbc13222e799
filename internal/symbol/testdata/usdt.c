/* USDT probes written by hand, as <sys/sdt.h> of systemtap would: a note of type
   3 with three addresses and three strings, and section .stapsdt.base. */
#include <stdio.h>
#include <unistd.h>

#define NOTE(provider, name, semaphore, args)                                            \
	"990: nop\n"                                                                         \
	".pushsection .note.stapsdt,\"?\",\"note\"\n"                                        \
	".balign 4\n"                                                                        \
	".4byte 992f-991f, 994f-993f, 3\n"                                                   \
	"991: .asciz \"stapsdt\"\n"                                                          \
	"992: .balign 4\n"                                                                   \
	"993: .8byte 990b\n"                                                                 \
	".8byte _.stapsdt.base\n"                                                            \
	".8byte " semaphore "\n"                                                             \
	".asciz \"" provider "\"\n"                                                          \
	".asciz \"" name "\"\n"                                                              \
	".asciz \"" args "\"\n"                                                              \
	"994: .balign 4\n"                                                                   \
	".popsection\n"                                                                      \
	".ifndef _.stapsdt.base\n"                                                           \
	".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"              \
	".weak _.stapsdt.base\n"                                                             \
	".hidden _.stapsdt.base\n"                                                           \
	"_.stapsdt.base: .space 1\n"                                                         \
	".size _.stapsdt.base, 1\n"                                                          \
	".popsection\n"                                                                      \
	".endif\n"

__attribute__((section(".probes"), used)) unsigned short shop_sale_semaphore;
static volatile int stock = 42;
static volatile long prices[4] = {10, 20, 30, 40};

__attribute__((noinline)) static void sell(int item, long amount, const char *who) {
	__asm__ volatile(NOTE("shop", "sale", "shop_sale_semaphore", "-4@%0 8@%1 8@%2 -4@$5 4@%3")
	                 : : "r"(item), "nor"(amount), "r"(who), "m"(stock));
	if (item > 1)
		__asm__ volatile(NOTE("shop", "sale", "shop_sale_semaphore", "-4@%0 8@%1 8@%2 -4@$-7 4@%3")
		                 : : "r"(item), "nor"(amount), "r"(who), "m"(stock));
	__asm__ volatile(NOTE("shop", "price", "0", "-8@%0 1@%1")
	                 : : "m"(prices[item & 3]), "q"((char)item));
	__asm__ volatile(NOTE("other", "empty", "0", ""));
}

int main(int argc, char **argv) {
	for (int i = 0; i < 3; i++)
		sell(argc + i, 100L * i, argv[0]);
	return 0;
}
