/* Events, the timer, and alarms of real and of virtual time where the domain has them. */
#include "kernel.h"

enum { VIRQ_TIMER = 0, VIRQ_VIRTUAL_TIMER = 23 };
static volatile u32 rung[2];
static u32 ports[2];

void event(u32 port)
{
    for (int index = 0; index < 2; index++)
        if (port == ports[index])
            rung[index]++;
}

static u32 bind(u32 virq)
{
    struct { u32 virq, vcpu, port; } request = { virq, 0, 0 };
    CHECK_IS(call2(EVENT_CHANNEL_OP, 1, &request), 0);
    shared->mask[request.port / 32] &= ~(1u << request.port % 32);
    return request.port;
}

struct times { u64 real, virtual; };

static struct times now(void)
{
    struct times times;
    CHECK_IS(call2(ALARM_OP, 0, &times), 0);
    return times;
}

static void alarms(void)
{
    struct times begun = now();
    u64 deadline = begun.virtual + 60000000, near = 1000000000000ull;
    ports[1] = bind(VIRQ_VIRTUAL_TIMER);
    CHECK_IS(call2(ALARM_OP, 3, &near), 0); /* another takes its place */
    CHECK_IS(call2(ALARM_OP, 3, &deadline), 0);
    while (!rung[1]) {}
    struct times ended = now();
    CHECK(ended.virtual >= deadline && ended.virtual < deadline + 5000);

    /* Virtual time stands still while the domain waits, real time does not. */
    u64 wake = ended.real + 20000000;
    deadline = ended.virtual + 1000000;
    CHECK_IS(call2(ALARM_OP, 3, &deadline), 0);
    CHECK_IS(call2(ALARM_OP, 1, &wake), 0);
    for (rung[0] = 0; !rung[0];) {
        shared->vcpu[0].mask = 1;
        if (!rung[0])
            call2(SCHED_OP, 1, 0);
        shared->vcpu[0].mask = 0;
    }
    struct times woken = now();
    CHECK(woken.real >= wake);
    CHECK(woken.virtual - ended.virtual < 200000);
    CHECK_IS(rung[1], 1);
    while (rung[1] == 1) {}
    CHECK(now().virtual >= deadline && now().virtual < deadline + 5000);

    deadline = now().virtual + 100000;
    CHECK_IS(call2(ALARM_OP, 3, &deadline), 0);
    CHECK_IS(call2(ALARM_OP, 4, 0), 0);
    while (now().virtual < deadline + 100000) {}
    CHECK_IS(rung[1], 2);
    CHECK_IS(call2(ALARM_OP, 5, 0), -EINVAL);
    CHECK_IS(call2(ALARM_OP, 3, 0xfc800000), -EFAULT);
    done("alarms of real and of virtual time");
    print("real %u virtual %u microseconds\n", (u32)(ended.real - begun.real) / 1000, (u32)(ended.virtual - begun.virtual) / 1000);
}

void time(void)
{
    struct { u32 state; u64 since, time[4]; } __attribute__((packed)) runstate;
    CHECK_IS(call4(VCPU_OP, 4, 0, &runstate, 0), 0);
    CHECK_IS(call4(VCPU_OP, 7, 0, 0, 0), 0); /* no periodic timer */
    u64 wake = runstate.since + 50000000;
    ports[0] = bind(VIRQ_TIMER);
    rung[0] = 0;
    CHECK_IS(call2(SET_TIMER_OP, wake, wake >> 32), 0);
    while (!rung[0])
        call2(SCHED_OP, 1, 0);
    CHECK_IS(call4(VCPU_OP, 4, 0, &runstate, 0), 0);
    CHECK(runstate.since >= wake);
    done("the timer");

    u64 times[2];
    if (call2(ALARM_OP, 0, times) == -ENOSYS)
        print("there are no alarms\n");
    else
        alarms();
}
