/* See events.h. Two-level event channels [XEN event_channel.h, xen.h]. */
#include "events.h"
#include "hypercall.h"
#include "memory.h"
#include "panic.h"
#include "xen/event.h"
#include "xen/sched.h"

#define MAX_BINDINGS 8

static struct binding {
    uint32_t port;
    const char *name;
    event_handler *handler;
    uint64_t count;
} bindings[MAX_BINDINGS];
static unsigned binding_count;

static uint64_t upcall_count, unbound_count;

/*
 * The bitmaps are shared with other processors: a bit must be changed without
 * losing a change to its neighbours. gcc's atomics become `lock` instructions.
 */
static void set_bit(volatile word_t *bitmap, uint32_t bit)
{
    __atomic_fetch_or(&bitmap[bit / WORD_BITS], (word_t)1 << bit % WORD_BITS, __ATOMIC_SEQ_CST);
}

static void clear_bit(volatile word_t *bitmap, uint32_t bit)
{
    __atomic_fetch_and(&bitmap[bit / WORD_BITS], ~((word_t)1 << bit % WORD_BITS), __ATOMIC_SEQ_CST);
}

static bool test_bit(const volatile word_t *bitmap, uint32_t bit)
{
    return bitmap[bit / WORD_BITS] >> bit % WORD_BITS & 1;
}

/*
 * Only this VCPU and the hypervisor on its behalf touch these two bytes, so no
 * lock is needed; the order is what matters [XEN xen.h, vcpu_info].
 */
bool upcalls_mask(void)
{
    bool masked = this_vcpu()->evtchn_upcall_mask;
    this_vcpu()->evtchn_upcall_mask = 1;
    compiler_barrier();
    return masked;
}

/*
 * While masked, an event only sets the pending byte, and nobody calls us when the
 * mask is cleared by a store. So look, after clearing, and let a hypercall that
 * does nothing deliver. An event between the store and the look is delivered by
 * itself; the extra call is then harmless.
 */
void upcalls_unmask(void)
{
    compiler_barrier();
    this_vcpu()->evtchn_upcall_mask = 0;
    compiler_barrier();
    if (this_vcpu()->evtchn_upcall_pending)
        hv_xen_version(XENVER_version, NULL);
}

void upcalls_restore(bool masked)
{
    if (!masked)
        upcalls_unmask();
}

/*
 * A port that fired while masked has lost its edge: the hypervisor set the pending
 * bit and nothing else. Do then what it would have done.
 */
static void unmask_port(uint32_t port)
{
    bool masked = upcalls_mask();
    clear_bit(shared_info->evtchn_mask, port);
    if (test_bit(shared_info->evtchn_pending, port)) {
        set_bit(&this_vcpu()->evtchn_pending_sel, port / WORD_BITS);
        this_vcpu()->evtchn_upcall_pending = 1;
    }
    upcalls_restore(masked);
}

void events_init(void)
{
    for (unsigned i = 0; i < WORD_BITS; i++)
        shared_info->evtchn_mask[i] = ~(word_t)0;
    if (hv_set_callbacks(event_entry, failsafe_entry))
        panic("set_callbacks refused");
}

void event_bind(uint32_t port, const char *name, event_handler *handler)
{
    if (binding_count == MAX_BINDINGS)
        panic("too many event bindings");
    bindings[binding_count++] = (struct binding){ port, name, handler, 0 };
    unmask_port(port);
}

uint32_t event_bind_virq(uint32_t virq)
{
    struct evtchn_bind_virq argument = { .virq = virq, .vcpu = 0 };
    long error = hv_event_channel_op(EVTCHNOP_bind_virq, &argument);
    if (error)
        panic("bind_virq %u: error %d", virq, (int)error);
    return argument.port;
}

uint32_t event_alloc_unbound(uint16_t remote_domain)
{
    struct evtchn_alloc_unbound argument = { .dom = DOMID_SELF, .remote_dom = remote_domain };
    long error = hv_event_channel_op(EVTCHNOP_alloc_unbound, &argument);
    if (error)
        panic("alloc_unbound for domain %u: error %d", remote_domain, (int)error);
    return argument.port;
}

void event_send(uint32_t port)
{
    struct evtchn_send argument = { .port = port };
    hv_event_channel_op(EVTCHNOP_send, &argument);
}

void event_clear_pending(uint32_t port)
{
    clear_bit(shared_info->evtchn_pending, port);
}

void event_poll(uint32_t port, uint64_t timeout)
{
    struct sched_poll argument = { .ports = &port, .nr_ports = 1, .timeout = timeout };
    hv_sched_op(SCHEDOP_poll, &argument);
}

void event_block(void)
{
    hv_sched_op(SCHEDOP_block, NULL);
}

static void handle_port(uint32_t port)
{
    for (unsigned i = 0; i < binding_count; i++) {
        if (bindings[i].port != port)
            continue;
        bindings[i].count++;
        if (bindings[i].handler)
            bindings[i].handler();
        return;
    }
    unbound_count++;
}

/*
 * From the VCPU's byte to its selector word to the ports. Each level is cleared
 * before the next is read: an event that comes meanwhile sets it again and is
 * seen in the next round, or by the hypervisor when the mask is cleared.
 */
void events_dispatch(void)
{
    volatile struct vcpu_info *vcpu = this_vcpu();
    upcall_count++;
    while (vcpu->evtchn_upcall_pending) {
        vcpu->evtchn_upcall_pending = 0;
        word_t selector = __atomic_exchange_n(&vcpu->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
        for (; selector; selector &= selector - 1) {
            uint32_t index = (uint32_t)__builtin_ctzl(selector);
            word_t ready = shared_info->evtchn_pending[index] & ~shared_info->evtchn_mask[index];
            for (; ready; ready &= ready - 1) {
                uint32_t port = index * WORD_BITS + (uint32_t)__builtin_ctzl(ready);
                /* Cleared before the handler reads its ring: later work sets it again. */
                clear_bit(shared_info->evtchn_pending, port);
                handle_port(port);
            }
        }
    }
}

void events_visit(void (*visit)(uint32_t port, const char *name, uint64_t count))
{
    for (unsigned i = 0; i < binding_count; i++)
        visit(bindings[i].port, bindings[i].name, bindings[i].count);
}

uint64_t events_upcalls(void)
{
    return upcall_count;
}

uint64_t events_unbound(void)
{
    return unbound_count;
}
