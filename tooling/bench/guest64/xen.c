/* The hypervisor's side of the 64-bit yardstick: console_io, the clock, the end. The kernels are elsewhere. */
#include "options.h"
#include "plat.h"

/* [XEN xen.h] [XEN vcpu.h] [XEN sched.h] */
enum { CONSOLE_IO = 18, VCPU_OP = 24, SCHED_OP = 29 };
enum { CONSOLEIO_write = 0, VCPUOP_stop_periodic_timer = 7, SCHEDOP_shutdown = 2 };

/* The start of struct start_info up to the command line. [XEN xen.h] */
struct start_info {
  char others[128];
  char command_line[1024];
};

extern char hypercall_page[];

static long hypercall(u32 number, u64 first, u64 second, void *third) {
  long result;
  __asm__ volatile("call *%[stub]"
                   : "=a"(result), "+D"(first), "+S"(second), "+d"(third)
                   : [stub] "r"(hypercall_page + 32 * number)
                   : "memory");
  return result;
}

/* A line at a time goes out, and at once: whoever takes times need not wait for another domain. */
void con_putc(char c) {
  static char line[256];
  static u32 length;
  line[length++] = c;
  if (c != '\n' && length < sizeof line) return;
  hypercall(CONSOLE_IO, CONSOLEIO_write, length, line);
  length = 0;
}

u64 insn_clock(void) {
  u32 low, high;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
  return ((u64)high << 32) | low;
}

/* Kernels that need an operating system are not part of this image. */
u32 k_int80(u32 n) { return n; }
u32 k_pf(u32 n) { return n; }

void xen_main(struct start_info *info) {
  u32 power_off = 0;
  /* The other machine has no clock that interrupts it. */
  hypercall(VCPU_OP, VCPUOP_stop_periodic_timer, 0, 0);
  run_with_options(info->command_line);
  hypercall(SCHED_OP, SCHEDOP_shutdown, (u64)&power_off, 0);
}
