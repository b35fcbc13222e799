/* One name with two symbol versions, as glibc has many. */
int api_old(int x) { return x; }
int api_new(int x) { return x + 1; }
__asm__(".symver api_old, api@LIB_1.0");
__asm__(".symver api_new, api@@LIB_2.0");
