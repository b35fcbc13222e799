/* A program without a C library, small enough to keep its binary in the
   repository: functions, a USDT probe, types and an inlined function. */
struct point { int x, y; struct point *next; unsigned visited : 1; };
enum direction { NORTH, EAST, SOUTH = 10 };

int steps = 3;

static inline __attribute__((always_inline)) int distance(const struct point *p) {
	return p->x * p->x + p->y * p->y;
}

__attribute__((noinline)) int move(struct point *p, enum direction to, long by) {
	int before = distance(p);
	p->x += to == EAST ? by : 0;
	p->y += to == NORTH ? by : 0;
	__asm__ volatile(
	    "990: nop\n"
	    ".pushsection .note.stapsdt,\"\",\"note\"\n"
	    ".balign 4\n"
	    ".4byte 992f-991f, 994f-993f, 3\n"
	    "991: .asciz \"stapsdt\"\n"
	    "992: .balign 4\n"
	    "993: .8byte 990b, _.stapsdt.base, 0\n"
	    ".asciz \"tiny\"\n"
	    ".asciz \"moved\"\n"
	    ".asciz \"8@%0 -4@%1\"\n"
	    "994: .balign 4\n"
	    ".popsection\n"
	    ".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n"
	    ".weak _.stapsdt.base\n"
	    ".hidden _.stapsdt.base\n"
	    "_.stapsdt.base: .space 1\n"
	    ".popsection\n"
	    : : "r"(p), "nor"(before));
	return before;
}

void _start(void) {
	struct point p = {1, 2, 0, 0};
	for (int i = 0; i < steps; i++)
		move(&p, EAST, i);
	__asm__ volatile("syscall" : : "a"(60), "D"(0));
	__builtin_unreachable();
}
