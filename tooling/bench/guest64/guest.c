/* The machine side of the 64-bit yardstick: COM1, the clock and exceptions. The kernels are elsewhere. */
#include "plat.h"
#include "options.h"

extern const u64 trap_entries[32];
extern u64 gates[64];

static inline void outb(u16 port, u8 value) { __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port)); }

static inline u8 inb(u16 port) {
  u8 value;
  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

void con_putc(char c) {
  while (!(inb(0x3fd) & 0x20)) {}
  outb(0x3f8, (u8)c);
}

u64 insn_clock(void) {
  u32 low, high;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
  return ((u64)high << 32) | low;
}

/* Kernels that need an operating system are not part of this image. */
u32 k_int80(u32 n) { return n; }
u32 k_pf(u32 n) { return n; }

static void put(const char *text) {
  while (*text) con_putc(*text++);
}

void trap_handler(u32 vector, const u64 *frame) {
  put("TRAP ");
  for (int word = -1; word < 3; word++) {
    u64 value = word < 0 ? vector : frame[word];
    for (int shift = 60; shift >= 0; shift -= 4) con_putc("0123456789abcdef"[(value >> shift) & 15]);
    con_putc(' ');
  }
  put("\nDONE\n");
}

static void set_gates(void) {
  for (int vector = 0; vector < 32; vector++) {
    u64 target = trap_entries[vector];
    gates[2 * vector] = (target & 0xffff) | (8ull << 16) | (0x8eull << 40) | ((target >> 16 & 0xffff) << 48);
    gates[2 * vector + 1] = target >> 32;
  }
}

void guest_main(u32 information) {
  const u32 *words = (const u32 *)(unsigned long)information;
  set_gates();
  run_with_options(words[0] & 4 ? (const char *)(unsigned long)words[4] : "");
}
