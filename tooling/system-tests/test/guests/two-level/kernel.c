/* Console, traps, and the order of the parts: each prints a line when it is done, and what does not hold ends the run. */
#include "kernel.h"

const struct start_info *start;
struct shared_info *shared;
struct fault fault;
static u8 shared_page[PAGE] __attribute__((aligned(4096)));

struct console {
    char in[1024], out[2048];
    u32 in_cons, in_prod, out_cons, out_prod;
};
static volatile struct console *console;

static void put(char character)
{
    while (console->out_prod - console->out_cons >= sizeof console->out)
        call2(SCHED_OP, 0, 0);
    console->out[console->out_prod % sizeof console->out] = character;
    console->out_prod++;
}

/* %s a text, %x a number in hexadecimal digits, %u in decimal ones. */
void print(const char *format, ...)
{
    u32 port = start->console_evtchn;
    __builtin_va_list args;
    __builtin_va_start(args, format);
    for (; *format; format++) {
        char digits[12], *at = digits + sizeof digits;
        const char *text = at - 1;
        if (*format != '%') {
            put(*format);
            continue;
        }
        *--at = 0;
        if (*++format == 's') {
            text = __builtin_va_arg(args, const char *);
        } else {
            u32 value = __builtin_va_arg(args, u32), radix = *format == 'x' ? 16 : 10;
            do
                *--at = "0123456789abcdef"[value % radix];
            while (value /= radix);
            text = at;
        }
        while (*text)
            put(*text++);
    }
    __builtin_va_end(args);
    call2(EVENT_CHANNEL_OP, 4, &port);
}

static void end(u32 reason)
{
    for (;;)
        call2(SCHED_OP, 2, &reason);
}

void check(int holds, const char *what, u32 value)
{
    if (holds)
        return;
    print("WRONG: %s (%x), fault %u error %x at %x\n", what, value, fault.vector, fault.error, fault.address);
    end(3);
}

void done(const char *part)
{
    print("%s: ok\n", part);
}

static void events(void)
{
    struct vcpu_info *vcpu = &shared->vcpu[0];
    vcpu->pending = 0;
    for (u32 words = __atomic_exchange_n(&vcpu->pending_sel, 0, __ATOMIC_SEQ_CST); words; words &= words - 1) {
        u32 word = __builtin_ctz(words);
        u32 ports = shared->pending[word] & ~shared->mask[word];
        __atomic_and_fetch(&shared->pending[word], ~ports, __ATOMIC_SEQ_CST);
        for (; ports; ports &= ports - 1)
            event(word * 32 + __builtin_ctz(ports));
    }
}

/* Called by entry.S for everything. */
void trap(struct frame *frame);
void trap(struct frame *frame)
{
    if (frame->vector == 0xe0) {
        events();
        return;
    }
    fault.vector = frame->vector;
    fault.error = frame->error;
    fault.address = shared->vcpu[0].cr2;
    if ((frame->cs & 3) == 3) {
        process_trap(frame);
    } else if (frame->eip >= (u32)probes && frame->eip < (u32)probes_end) {
        frame->eip = (u32)probe_failed;
    } else {
        print("at %x:\n", frame->eip);
        check(0, "a trap of the kernel's", frame->cs);
    }
}

static void set_up(void)
{
    static struct { u8 vector, flags; u16 cs; u32 address; } traps[20];
    for (u32 vector = 0; vector < 18; vector++) {
        traps[vector].vector = vector;
        traps[vector].flags = vector == 3 ? 3 : 0;
        traps[vector].cs = 0xe019;
        traps[vector].address = exceptions[vector];
    }
    traps[2] = traps[17]; /* there is no gate for NMIs; the table ends at an address of 0 */
    traps[18].vector = 0x80;
    traps[18].flags = 3;
    traps[18].cs = 0xe019;
    traps[18].address = (u32)system_call_entry;
    call2(SET_TRAP_TABLE, traps, 0);
    call4(SET_CALLBACKS, 0xe019, event_entry, 0xe019, failsafe_entry);
    shared = (struct shared_info *)shared_page;
    map((u32)shared_page, start->shared_info | PRESENT | WRITABLE);
    shared->vcpu[0].mask = 0;
}

void kernel(const struct start_info *info);
void kernel(const struct start_info *info)
{
    start = info;
    console = (void *)(BASE + M2P[info->console_mfn] * PAGE);
    set_up();
    const char *wanted = "x86_32";
    const char *found = info->magic;
    while (*found && *found != 'x') found++;
    while (*++found && *found != 'x') {}
    for (int at = 0; at < 7; at++)
        CHECK_IS(found[at], wanted[at]);
    tables();
    segments();
    processes();
    time();
    print("all is as it should be\n");
    end(0);
}
