// A program whose every step is known, for tests to trace. It says "ready PID", waits for a line on standard input, does what its
// arguments ask, says "done", and stays alive until standard input ends, so that a tracer can still name its addresses.
//
// usage: workload COMMAND COUNT ...
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define API __attribute__((noinline, noipa, visibility("default")))

struct point { int x; unsigned y : 4; unsigned z : 12; char label[8]; struct { long depth; } in; struct point *next; };

volatile long watched; // a watchpoint's target
volatile long sink;
struct point origin = {7, 5, 300, "origin", {-9}, &origin};
struct point corner = {11, 1, 2, "corner", {40}, &origin};

// Notes as sys/sdt.h writes them, without needing that header: provider fixture.
#define USDT2(name, a, b)                                                                                   \
  __asm__ volatile(".pushsection .probes,\"aw\",@progbits\n" #name "_semaphore: .2byte 0\n.popsection\n"    \
                   "990: nop\n.pushsection .note.stapsdt,\"?\",\"note\"\n.balign 4\n"                        \
                   ".4byte 992f-991f, 994f-993f, 3\n991: .asciz \"stapsdt\"\n992: .balign 4\n"               \
                   "993: .8byte 990b\n.8byte _.stapsdt.base\n.8byte " #name "_semaphore\n"                    \
                   ".asciz \"fixture\"\n.asciz \"" #name "\"\n.asciz \"-4@%k0 8@%1\"\n994: .balign 4\n.popsection\n" \
                   ::"r"(a), "r"(b))
__asm__(".section .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n.weak _.stapsdt.base\n.hidden _.stapsdt.base\n"
        "_.stapsdt.base: .space 1\n.size _.stapsdt.base, 1\n.previous\n");

API int add(int a, int b) { sink += a; return a + b; }
API long many(int8_t a, uint16_t b, int32_t c, uint64_t d, char *e, long f) { sink += a + b + c + d + f + e[0]; return -f; }
API const char *greet(const char *name) { sink += name[0]; return name; }
API long measure(struct point *p) { sink += p->x; return p->in.depth; }
API void fill(const void *data, size_t n) { sink += n + *(const char *)data; }
API unsigned char flag(int i) { return i & 1; }
API void inner(int i) { sink += i; __asm__ volatile("" ::: "memory"); }
API void middle(int i) { inner(i); sink++; }
API void outer(int i) { middle(i); sink++; }

static const char *names[] = {"alpha", "beta", "gamma", "", "a longer name with spaces, and more than thirty-two bytes"};

static void calls(int n) {
  for (int i = 0; i < n; i++) {
    add(i, 10 * i);
    many(-i, 60000 + i, -100 * i, 1ull << 40 | i, (char *)names[i % 5], i);
    greet(names[i % 5]);
    measure(i & 1 ? &corner : &origin);
    fill("\x01\x02""bin\xff""ary\0!", 3 + i % 5);
    flag(i);
    outer(i);
  }
}
static void probes(int n) {
  for (long i = 0; i < n; i++) {
    USDT2(tick, (int)(i - 2), names[i % 5]);
    USDT2(tock, (int)(2 * i), (char *)&origin);
  }
}
static void opens(int n) {
  for (int i = 0; i < n; i++) {
    char path[64];
    snprintf(path, sizeof path, "/nonexistent/file-%d", i % 3);
    int fd = openat(AT_FDCWD, i % 2 ? path : "/dev/null", i % 2 ? O_RDWR | O_CREAT : O_RDONLY, 0600);
    if (fd >= 0) close(fd);
  }
}
static void reads(int n) {
  static char buf[1 << 16];
  int fd = open("/dev/zero", O_RDONLY);
  for (int i = 0; i < n; i++) sink += read(fd, buf, 1u << i % 16);
  sink += read(-1, buf, 1);
  close(fd);
}
static void writes(int n) {
  int fd = open("/dev/null", O_WRONLY);
  for (int i = 0; i < n; i++) sink += write(fd, "some text for the null device", 1 + i % 29);
  close(fd);
}
static void sleeps(int n) { for (int i = 0; i < n; i++) { struct timespec t = {0, 1000000}; nanosleep(&t, 0); } }
static void forks(int n) {
  for (int i = 0; i < n; i++) {
    pid_t p = fork();
    if (p == 0) _exit(i % 4);
    waitpid(p, 0, 0);
  }
}
static void execs(int n) {
  for (int i = 0; i < n; i++) {
    pid_t p = fork();
    if (p == 0) { execl("/bin/true", "true", "first", "second", (char *)0); _exit(1); }
    waitpid(p, 0, 0);
  }
}
static void faults(int n) {
  char *m = mmap(0, 4096l * n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  madvise(m, 4096l * n, MADV_NOHUGEPAGE);
  for (int i = 0; i < n; i++) m[4096l * i] = 1;
  munmap(m, 4096l * n);
}
static void on_signal(int s) { sink += s; }
static void signals(int n) {
  signal(SIGUSR1, on_signal), signal(SIGUSR2, on_signal);
  for (int i = 0; i < n; i++) kill(getpid(), i % 3 ? SIGUSR1 : SIGUSR2);
}
static void watches(int n) { for (int i = 0; i < n; i++) watched = i; }
static void spins(int ms) {
  struct timespec a, b;
  clock_gettime(CLOCK_MONOTONIC, &a);
  do { for (int i = 0; i < 1000; i++) outer(i); clock_gettime(CLOCK_MONOTONIC, &b); }
  while ((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < ms);
}
static int ping[2], pong[2];
static void *answer(void *arg) {
  prctl(PR_SET_NAME, "answerer");
  char c;
  for (long i = 0; i < (long)arg; i++) sink += read(ping[0], &c, 1) + write(pong[1], "x", 1);
  return 0;
}
static void switches(int n) {
  pthread_t t;
  char c;
  if (pipe(ping) || pipe(pong) || pthread_create(&t, 0, answer, (void *)(long)n)) abort();
  for (int i = 0; i < n; i++) sink += write(ping[1], "x", 1) + read(pong[0], &c, 1);
  pthread_join(t, 0);
}
static void files(int n) {
  char path[64];
  for (int i = 0; i < n; i++) {
    snprintf(path, sizeof path, "/tmp/workload-%d-%d", getpid(), i);
    close(open(path, O_CREAT | O_WRONLY, 0644));
    unlink(path);
  }
}
static void connects(int n) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof a;
  int l = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(l, (void *)&a, sizeof a) || listen(l, 8) || getsockname(l, (void *)&a, &len)) abort();
  for (int i = 0; i < n; i++) {
    int c = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c, (void *)&a, sizeof a)) abort();
    int s = accept(l, 0, 0);
    sink += send(c, "hello", 5, 0);
    close(s), close(c);
  }
  close(l);
}
// transmits sends frames to the module dummy, which drops them.
static void transmits(int n) {
  char frame[64] = {0};
  struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex("dummy0"), .sll_halen = 6};
  int s = socket(AF_PACKET, SOCK_RAW, 0);
  for (int i = 0; i < n; i++) sink += sendto(s, frame, 60 + i % 4, 0, (void *)&to, sizeof to);
  close(s);
}
static void parents(int n) { for (int i = 0; i < n; i++) sink += syscall(SYS_getppid); }

static const struct { const char *name; void (*run)(int); } commands[] = {
  {"call", calls}, {"usdt", probes}, {"open", opens}, {"read", reads}, {"write", writes}, {"sleep", sleeps}, {"fork", forks},
  {"exec", execs}, {"fault", faults}, {"signal", signals}, {"watch", watches}, {"spin", spins}, {"switch", switches},
  {"file", files}, {"connect", connects}, {"getppid", parents}, {"transmit", transmits},
};

int main(int argc, char **argv) {
  char line[16];
  setvbuf(stdout, 0, _IOLBF, 0);
  printf("ready %d %p\n", getpid(), (void *)&watched);
  if (!fgets(line, sizeof line, stdin)) return 1;
  for (int a = 1; a + 1 < argc; a += 2)
    for (unsigned i = 0; i < sizeof commands / sizeof *commands; i++)
      if (!strcmp(argv[a], commands[i].name)) commands[i].run(atoi(argv[a + 1]));
  printf("done\n");
  while (fgets(line, sizeof line, stdin)) {}
  return 0;
}
