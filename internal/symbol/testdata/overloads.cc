// Overloads, templates and operators to demangle.
#include <string>
#include <vector>
namespace ns {
struct S {
	__attribute__((noinline)) S(int v) : v(v) {}
	__attribute__((noinline)) ~S() { __asm__ volatile("" ::: "memory"); }
	__attribute__((noinline)) int get() const { return v; }
	__attribute__((noinline)) bool operator<(const S &o) const { return v < o.v; }
	__attribute__((noinline)) explicit operator long() const { return v; }
	int v;
};
__attribute__((noinline)) int f(int x) { return x + 1; }
__attribute__((noinline)) int f(const char *s) { return s[0]; }
__attribute__((noinline)) int f(void (*fn)(int), S &s) { fn(1); return s.get(); }
template <typename T, int N> __attribute__((noinline)) T g(T (&a)[N]) { return a[N - 1]; }
namespace { __attribute__((noinline)) int inner(std::vector<std::string> v) { return v.size(); } }
}
static void cb(int) {}
int main(int argc, char **argv) {
	ns::S a(argc), b(2);
	int arr[3] = {1, 2, argc};
	auto lambda = [&](int k) __attribute__((noinline)) { return k + argc; };
	return ns::f(argc) + ns::f(argv[0]) + ns::f(cb, a) + ns::g(arr) + (a < b) + (long)a +
	       ns::inner({std::string(argv[0])}) + lambda(3);
}
