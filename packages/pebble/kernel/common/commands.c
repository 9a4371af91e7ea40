/* Commands about the kernel itself. The formats of the answers are in README.md. */
#include "../user/abi.h"
#include "arch.h"
#include "console.h"
#include "events.h"
#include "grant.h"
#include "hypercall.h"
#include "memory.h"
#include "power.h"
#include "process.h"
#include "shell.h"
#include "thread.h"
#include "time.h"
#include "xenstore.h"

/* A number argument within limits, or a complaint. */
static bool number_argument(char **arguments, const char *usage, uint64_t most, uint64_t *value)
{
    if (parse_number(next_word(arguments), value) && *value <= most)
        return true;
    console_print("usage: %s (at most %llu)\n", usage, most);
    return false;
}

static void run_help(char *arguments)
{
    (void)arguments;
    shell_help();
}

static void run_info(char *arguments)
{
    (void)arguments;
    long version = hv_xen_version(XENVER_version, NULL);
    struct memory_counts memory = memory_count();
    char domain[16];

    console_print("name     %s, " ARCH_NAME "\n", options.name);
    console_print("xen      %d.%d, started by %.32s\n", (int)(version >> 16),
                  (int)(version & 0xffff), start_info->magic);
    console_print("domain   %s\n",
                  xenstore_read("domid", domain, sizeof(domain)) ? domain : "unknown");
    console_print("memory   %lu pages, %lu mapped, %lu free, %lu tables added\n", memory.owned,
                  memory.mapped, memory.free, memory.tables);
    console_print("flags    0x%x\n", start_info->flags);
    console_print("cmdline  %.1024s\n", start_info->cmd_line);
}

static void run_time(char *arguments)
{
    (void)arguments;
    uint64_t seconds;
    uint32_t nanoseconds;
    console_print("system time %llu ns\n", time_now());
    time_wall(&seconds, &nanoseconds);
    console_print("wall clock %llu.%09u s\n", seconds, nanoseconds);
}

static void run_uptime(char *arguments)
{
    (void)arguments;
    uint32_t rest;
    uint64_t seconds = divide(time_uptime(), NS_PER_SECOND, &rest);
    console_print("up %llu.%03u s\n", seconds, rest / NS_PER_MS);
}

static void run_spin(char *arguments)
{
    uint64_t millions, running_before, running_after;
    if (!number_argument(&arguments, "spin MILLIONS", 1000000, &millions))
        return;
    bool known = time_running(&running_before);
    uint64_t before = time_now();
    for (uint64_t i = 0; i < millions; i++)
        burn(1000000);
    uint64_t after = time_now();
    known = known && time_running(&running_after);
    if (known)
        console_print("spin: %llu million iterations in %llu ns, %llu ns of it running\n", millions,
                      after - before, running_after - running_before);
    else
        console_print("spin: %llu million iterations in %llu ns\n", millions, after - before);
}

static void run_ps(char *arguments)
{
    (void)arguments;
    struct process_counts process = process_count();
    struct thread_times times = thread_time();
    console_print("id ring name    state          time/us syscalls faults starts\n");
    console_print(" 0    " KERNEL_RING " shell   running  %13llu        -      -      1\n",
                  divide(times.shell, NS_PER_US, NULL));
    console_print(" 1    3 process %-8s %13llu %8llu %6llu %6llu\n", process.state,
                  divide(times.process, NS_PER_US, NULL), process.syscalls, process.faults,
                  process.starts);
    console_print(" -    - idle    -        %13llu\n", divide(times.idle, NS_PER_US, NULL));
}

static void run_syscall(char *arguments)
{
    uint64_t count, ns;
    if (!number_argument(&arguments, "syscall COUNT", 1000000000, &count))
        return;
    if (!process_do(JOB_SYSCALLS, count, &ns)) {
        console_print("syscall: the process died\n");
        return;
    }
    console_print("syscall: %llu calls in %llu ns, %llu ns each\n", count, ns,
                  divide(ns, count ? (uint32_t)count : 1, NULL));
}

static void run_fault(char *arguments)
{
    (void)arguments;
    bool survived = process_do(JOB_FAULT, 0, NULL);
    console_print("fault: the process %s\n",
                  survived ? "survived: it can read the kernel's memory" : "was started again");
}

static void run_respawn(char *arguments)
{
    (void)arguments;
    process_do(JOB_EXIT, 0, NULL);
}

/* Nothing is mapped in the first page. In the kernel there is nobody to recover for. */
static void run_crash(char *arguments)
{
    (void)arguments;
    store_word(8, 0);
}

static void run_ticks(char *arguments)
{
    uint64_t ms;
    if (parse_number(next_word(&arguments), &ms))
        time_set_tick(ms * NS_PER_MS);
    struct time_counts counts = time_count();
    console_print("ticks: %llu printed, %llu timer events\n", counts.ticks, counts.timer_events);
}

static void print_event(uint32_t port, const char *name, uint64_t count)
{
    console_print("port %4u  %-9s %10llu\n", port, name, count);
}

static void run_events(char *arguments)
{
    (void)arguments;
    events_visit(print_event);
    console_print("upcalls %llu, unbound %llu, grants %u\n", events_upcalls(), events_unbound(),
                  grant_count());
}

static void run_halt(char *arguments)
{
    (void)arguments;
    shut_down_politely(SHUTDOWN_POWEROFF);
}

static void run_reboot(char *arguments)
{
    (void)arguments;
    shut_down_politely(SHUTDOWN_REBOOT);
}

const struct command kernel_commands[] = {
    { "help", "", "this list", run_help },
    { "info", "", "who and where we are", run_info },
    { "time", "", "system time and wall clock", run_time },
    { "uptime", "", "time since the start", run_uptime },
    { "ps", "", "the two threads", run_ps },
    { "events", "", "events per port", run_events },
    { "ticks", "[MS]", "timer counts; a line every MS ms, 0 for none", run_ticks },
    { "spin", "MILLIONS", "burn that many million loop iterations", run_spin },
    { "syscall", "COUNT", "have the process make that many system calls", run_syscall },
    { "fault", "", "have the process touch what it must not", run_fault },
    { "respawn", "", "have the process exit and start again", run_respawn },
    { "crash", "", "fault in the kernel: the end of the domain", run_crash },
    { "halt", "", "power off", run_halt },
    { "poweroff", "", "power off", run_halt },
    { "reboot", "", "start again", run_reboot },
    { NULL, NULL, NULL, NULL },
};
