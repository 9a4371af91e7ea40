/* The interface as a 32-bit guest with two levels of page tables uses it, and the parts of this kernel. [XEN xen.h] */
#ifndef KERNEL_H
#define KERNEL_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define PAGE 4096u
#define BASE 0xc0000000u
#define DOMID_SELF 0x7ff0u
#define PRESENT 1u
#define WRITABLE 2u
#define USER 4u
#define LARGE 0x80u
/* The hypervisor's range, which begins with the machine-to-physical table. */
#define M2P ((const volatile u32 *)0xfc000000u)

enum { EPERM = 1, EFAULT = 14, EBUSY = 16, EINVAL = 22, ENOSYS = 38 };
enum {
    SET_TRAP_TABLE = 0, MMU_UPDATE = 1, SET_GDT = 2, STACK_SWITCH = 3, SET_CALLBACKS = 4, FPU_TASKSWITCH = 5,
    UPDATE_DESCRIPTOR = 10, MEMORY_OP = 12, MULTICALL = 13, UPDATE_VA_MAPPING = 14, SET_TIMER_OP = 15,
    XEN_VERSION = 17, CONSOLE_IO = 18, VM_ASSIST = 21, VCPU_OP = 24, MMUEXT_OP = 26, SCHED_OP = 29,
    EVENT_CHANNEL_OP = 32, ALARM_OP = 50,
};
enum {
    PIN_L1 = 0, PIN_L2 = 1, PIN_L3 = 2, PIN_L4 = 3, UNPIN = 4, NEW_BASEPTR = 5, SET_LDT = 13,
};

struct start_info {
    char magic[32];
    u32 nr_pages, shared_info, flags, store_mfn, store_evtchn, console_mfn, console_evtchn;
    u32 pt_base, nr_pt_frames, mfn_list, mod_start, mod_len;
};
struct vcpu_info {
    u8 pending, mask;
    u32 pending_sel, cr2, pad[5];
    u8 time[32];
};
struct shared_info {
    struct vcpu_info vcpu[32];
    u32 pending[32], mask[32];
};

/* What entry.S pushes, from low to high. */
struct frame {
    u32 edi, esi, ebp, old_esp, ebx, edx, ecx, eax;
    u32 vector, error, eip;
    u16 cs, upcall_mask;
    u32 eflags, esp, ss;
};

extern char hypercall_page[];

/* Up to five arguments; those that a call does not have are not looked at. */
static inline long hypercall(u32 number, u32 a, u32 b, u32 c, u32 d, u32 e)
{
    long result;
    __asm__ volatile("call *%%eax"
                     : "=a"(result), "+b"(a), "+c"(b), "+d"(c), "+S"(d), "+D"(e)
                     : "0"(hypercall_page + number * 32)
                     : "memory");
    return result;
}
#define call2(number, a, b) hypercall(number, (u32)(a), (u32)(b), 0, 0, 0)
#define call4(number, a, b, c, d) hypercall(number, (u32)(a), (u32)(b), (u32)(c), (u32)(d), 0)

/* kernel.c */
extern const struct start_info *start;
extern struct shared_info *shared;
/* The last fault of a probe. */
extern struct fault { u32 vector, error, address; } fault;
void print(const char *format, ...);
void check(int holds, const char *what, u32 value);
#define CHECK(condition) check(!!(condition), #condition, 0)
#define CHECK_IS(value, wanted) do { u32 v_ = (u32)(value); check(v_ == (u32)(wanted), #value " is " #wanted, v_); } while (0)
void done(const char *part);

/* tables.c */
u32 frame_of(const volatile void *page);
int map(u32 address, u32 entry);
int table_op(u32 command, u32 arg1, u32 arg2);
/* Maps a page of the kernel's own at another address, below 4 MiB from AREA. */
#define AREA 0xd0000000u
void tables(void);

/* segments.c, processes.c, time.c */
void segments(void);
void processes(void);
void process_trap(struct frame *frame);
void time(void);
void event(u32 port);

/* entry.S */
int probe_read(u32 address);
int probe_write(u32 address, u32 value);
int probe_fs(u32 selector, u32 *word);
int probe_gs(u32 selector, u32 *word);
int probe_halt(void);
int probe_float(void);
void run_process(u32 eip, u32 esp, int native);
void leave_process(void) __attribute__((noreturn));
extern char probes[], probes_end[], probe_failed[], process_start[], process_end[];
extern char event_entry[], failsafe_entry[], system_call_entry[];
extern const u32 exceptions[18];

#endif
