/*
 * Runs instructions of SSE3 to SSE4.2, BMI and their relatives on the processor at hand and prints vectors of format xvec-1:
 * operands in XMM0-XMM2, MM0, MM1, general registers and at RDI, everything random. See generate.sh.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;

struct state {
  u8 xmm[3][16];
  u64 mm[2];
  u64 mxcsr;
  u64 rax, rcx, rdx, rbx, rsi, flags, rdi;
};

enum { DATA = 0x210100, MEMORY_BYTES = 16 };
enum { CF = 1, PF = 4, AF = 0x10, ZF = 0x40, SF = 0x80, OF = 0x800, ARITHMETIC = CF | PF | AF | ZF | SF | OF };

/* What operands are: integers, floats of either format, few different bytes (for string comparisons), lengths in EAX and EDX. */
enum kind { INTEGER, SINGLE, DOUBLE, TEXT };

static u64 seed = 4711;
static u64 next(void) {
  u64 z = (seed += 0x9E3779B97F4A7C15ULL);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}
static u32 below(u32 n) { return (u32)((next() >> 33) % n); }

static u64 number(int bits, int exponent_bits) {
  int fraction = bits - 1 - exponent_bits;
  u64 sign = (u64)below(2) << (bits - 1), largest = (1ULL << exponent_bits) - 1, bias = largest >> 1;
  u64 rest = next() & ((1ULL << fraction) - 1);
  switch (below(10)) {
    case 0: return sign;
    case 1: return sign | largest << fraction;
    case 2: return sign | largest << fraction | rest | 1ULL << (fraction - 1);
    case 3: return sign | largest << fraction | (rest >> 1) | 1;
    case 4: return sign | rest;
    case 5: return sign | (bias + below(6)) << fraction | (rest & ~0ULL << (fraction - 3));
    default: return sign | (bias - 4 + below(30)) << fraction | rest;
  }
}

static void fill(u8* to, enum kind kind) {
  for (int i = 0; i < 16; i++) {
    switch (below(6)) {
      case 0: to[i] = 0; break;
      case 1: to[i] = below(2) ? 0x80 : 0x7f; break;
      case 2: to[i] = 0xff; break;
      default: to[i] = next();
    }
    if (kind == TEXT) to[i] = below(9) == 0 ? 0 : (below(8) == 0 ? 0x80 : 'a') + below(3);
  }
  for (int i = 0; kind == SINGLE && i < 4; i++) { u32 v = number(32, 8); memcpy(to + 4 * i, &v, 4); }
  for (int i = 0; kind == DOUBLE && i < 2; i++) { u64 v = number(64, 11); memcpy(to + 8 * i, &v, 8); }
}

static u64 integer(void) {
  switch (below(5)) {
    case 0: return below(70);
    case 1: return 1ULL << below(64);
    case 2: return below(3) - 1ULL;
    default: return next() >> below(64);
  }
}

static void hex_back(const u8* from, int n) { while (n-- > 0) printf("%02x", from[n]); }

static int is_first;
static void key(const char* name) { printf("%s\"%s\":", is_first ? "" : ",", name); is_first = 0; }
static void number_field(const char* name, u64 value) { key(name); printf("\"%llx\"", (unsigned long long)value); }

static void fields(const struct state* s, const struct state* before, int uses_mmx) {
  char name[8];
  for (int i = 0; i < 3; i++)
    if (!before || memcmp(s->xmm[i], before->xmm[i], 16)) {
      sprintf(name, "x%d", i); key(name); putchar('"'); hex_back(s->xmm[i], 16); putchar('"');
    }
  if (uses_mmx)
    for (int i = 0; i < 2; i++)
      if (!before || s->mm[i] != before->mm[i]) { sprintf(name, "R%d", i); key(name); printf("\"ffff%016llx\"", (unsigned long long)s->mm[i]); }
#define FIELD(f, n) if (!before || s->f != before->f) number_field(n, s->f)
  FIELD(rax, "rax"); FIELD(rcx, "rcx"); FIELD(rdx, "rdx"); FIELD(rbx, "rbx"); FIELD(rsi, "rsi");
  FIELD(mxcsr, "mxcsr"); FIELD(rdi, "rdi"); FIELD(flags, "fl");
}

static u8* code;
static void run(struct state* s) {
  register struct state* state asm("r12") = s;
  register u8* instruction asm("r13") = code;
  asm volatile(
    "movdqu 0(%%r12),%%xmm0\n movdqu 16(%%r12),%%xmm1\n movdqu 32(%%r12),%%xmm2\n movq 48(%%r12),%%mm0\n movq 56(%%r12),%%mm1\n"
    "ldmxcsr 64(%%r12)\n mov 72(%%r12),%%rax\n mov 80(%%r12),%%rcx\n mov 88(%%r12),%%rdx\n mov 96(%%r12),%%rbx\n"
    "mov 104(%%r12),%%rsi\n mov 120(%%r12),%%rdi\n sub $128,%%rsp\n pushq 112(%%r12)\n popfq\n call *%%r13\n pushfq\n popq 112(%%r12)\n"
    "add $128,%%rsp\n movdqu %%xmm0,0(%%r12)\n movdqu %%xmm1,16(%%r12)\n movdqu %%xmm2,32(%%r12)\n movq %%mm0,48(%%r12)\n"
    "movq %%mm1,56(%%r12)\n stmxcsr 64(%%r12)\n mov %%rax,72(%%r12)\n mov %%rcx,80(%%r12)\n mov %%rdx,88(%%r12)\n"
    "mov %%rbx,96(%%r12)\n mov %%rsi,104(%%r12)\n mov %%rdi,120(%%r12)\n emms\n"
    : "+r"(state), "+r"(instruction) :
    : "rax", "rcx", "rdx", "rbx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc", "xmm0", "xmm1", "xmm2");
}

/* One vector: bytes up to the ModRM byte's operand, an immediate or -1. */
static void vector(const char* name, const u8* bytes, int length, enum kind kind, int undefined, int uses_mmx, int stores) {
  struct state s;
  u8 memory[MEMORY_BYTES], *at = (u8*)DATA;
  for (int i = 0; i < 3; i++) fill(s.xmm[i], kind);
  fill(memory, kind);
  for (int i = 0; i < 2; i++) fill((u8*)s.mm, kind);
  static const u32 controls[] = {0x1f80, 0x1fa0, 0x3f80, 0x5fa0, 0x7f80, 0x9fc0, 0x1fc0, 0x9f80};
  s.mxcsr = kind == SINGLE || kind == DOUBLE ? controls[below(8)] : 0x1f80;
  s.rax = integer(); s.rcx = integer(); s.rdx = integer(); s.rbx = integer(); s.rsi = integer();
  if (kind == TEXT) { s.rax = below(40) - 19ULL; s.rdx = below(40) - 19ULL; }
  s.rdi = DATA;
  s.flags = 0x202 | (next() & ARITHMETIC);
  struct state before = s;
  memcpy(at, memory, MEMORY_BYTES);
  memcpy(code, bytes, length);
  code[length] = 0xc3;
  run(&s);
  s.flags = (s.flags & (0x202 | ARITHMETIC)) | 0x202;
  printf("{\"n\":\"%s\",\"b\":\"", name);
  for (int i = 0; i < length; i++) printf("%02x", bytes[i]);
  printf("\",\"i\":{"); is_first = 1;
  fields(&before, 0, uses_mmx);
  number_field("ip", 0x200100); number_field("fsw", 0); number_field("ftw", uses_mmx ? 0xff : 0);
  key("m"); printf("[[\"%x\",\"", DATA); for (int i = 0; i < MEMORY_BYTES; i++) printf("%02x", memory[i]); printf("\"]]},\"o\":{");
  is_first = 1;
  number_field("ip", 0x200100 + length);
  fields(&s, &before, uses_mmx);
  if (stores && memcmp(at, memory, MEMORY_BYTES)) {
    key("m"); printf("[[\"%x\",\"", DATA); for (int i = 0; i < MEMORY_BYTES; i++) printf("%02x", at[i]); printf("\"]]");
  }
  printf("}");
  if (undefined) printf(",\"u\":{\"fl\":\"%x\"}", undefined);
  printf("}\n");
}

struct form { const char* name; const char* bytes; enum kind kind; int undefined; const char* modes; };

/* Bytes before the ModRM byte. Modes: x vector registers 1 and 2, m vector register 1 and memory, n MMX registers, q MMX and memory,
 * g general registers EBX and ESI, r EBX and memory, s memory and EBX, i an immediate follows, V/W EBX, EDX by VEX.vvvv as it stands. */
static const struct form FORMS[] = {
#include "forms.h"
};

static int parse(const char* text, u8* out) {
  int n = 0;
  for (const char* p = text; *p; p += 2) { while (*p == ' ') p++; out[n++] = (u8)strtoul((char[]){p[0], p[1], 0}, 0, 16); }
  return n;
}

int main(int argc, char** argv) {
  int count = argc > 1 ? atoi(argv[1]) : 6;
  if (mmap((void*)0x210000, 0x2000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) return 1;
  code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (unsigned f = 0; f < sizeof FORMS / sizeof *FORMS; f++) {
    const struct form* form = &FORMS[f];
    int has_immediate = strchr(form->modes, 'i') != 0;
    for (const char* mode = form->modes; *mode; mode++) {
      if (*mode == 'i') continue;
      static const struct { char mode; u8 modrm; int mmx, stores; } ENCODINGS[] = {
        {'x', 0xca, 0, 0}, {'m', 0x0f, 0, 0}, {'n', 0xc1, 1, 0}, {'q', 0x07, 1, 0}, {'g', 0xde, 0, 0}, {'r', 0x1f, 0, 0},
        {'s', 0x1f, 0, 1}, {'e', 0xcb, 0, 0}, {'t', 0x0f, 0, 1}, {'p', 0xcb, 0, 0}};
      for (unsigned e = 0; e < sizeof ENCODINGS / sizeof *ENCODINGS; e++) {
        if (ENCODINGS[e].mode != *mode) continue;
        for (int i = 0; i < count; i++) {
          u8 bytes[16];
          int n = parse(form->bytes, bytes);
          bytes[n++] = ENCODINGS[e].modrm;
          if (has_immediate) bytes[n++] = below(4) == 0 ? next() : below(32) | (below(4) << 5);
          char name[64];
          sprintf(name, "%s.%c", form->name, *mode);
          vector(name, bytes, n, form->kind, form->undefined, ENCODINGS[e].mmx, ENCODINGS[e].stores);
        }
      }
    }
  }
  return 0;
}
