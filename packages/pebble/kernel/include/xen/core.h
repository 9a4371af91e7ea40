/*
 * The two structures a guest is born with: start_info, which says what the
 * domain builder made, and shared_info, the page shared with the hypervisor.
 * Layouts: [XEN xen.h], [XEN arch-x86/xen.h], [XEN arch-x86/xen-x86_32.h].
 */
#ifndef PEBBLE_XEN_CORE_H
#define PEBBLE_XEN_CORE_H

#include "types.h"

#define DOMID_SELF 0x7FF0u

#define SIF_INITDOMAIN 2 /* in start_info.flags: this is domain 0 */

#define XEN_LEGACY_MAX_VCPUS 32
#define MAX_GUEST_CMDLINE 1024

/* Part of vcpu_info that depends on the architecture. */
struct arch_vcpu_info {
    word_t cr2; /* address of the last page fault: reading %cr2 itself is privileged */
#ifdef __x86_64__
    word_t pad;
#else
    word_t pad[5];
#endif
};

/* The clock: see time.c for the formula. */
struct vcpu_time_info {
    uint32_t version; /* odd while the hypervisor is writing */
    uint32_t pad0;
    uint64_t tsc_timestamp;
    uint64_t system_time; /* ns */
    uint32_t tsc_to_system_mul;
    int8_t tsc_shift;
    uint8_t flags;
    uint8_t pad1[2];
};

struct vcpu_info {
    uint8_t evtchn_upcall_pending; /* hypervisor: there is something to look at        */
    uint8_t evtchn_upcall_mask;    /* guest: do not interrupt me (our "cli")           */
    word_t evtchn_pending_sel;     /* which words of evtchn_pending are worth reading  */
    struct arch_vcpu_info arch;
    struct vcpu_time_info time;
};

struct arch_shared_info {
    word_t max_pfn;
    word_t pfn_to_mfn_frame_list_list;
    word_t nmi_reason;
    word_t p2m_cr3;
    word_t p2m_vaddr;
    word_t p2m_generation;
#ifndef __x86_64__
    uint32_t wc_sec_hi;
#endif
};

struct shared_info {
    struct vcpu_info vcpu_info[XEN_LEGACY_MAX_VCPUS];
    word_t evtchn_pending[WORD_BITS];
    word_t evtchn_mask[WORD_BITS];
    uint32_t wc_version; /* wall clock at system time 0 */
    uint32_t wc_sec;
    uint32_t wc_nsec;
#ifdef __x86_64__
    uint32_t wc_sec_hi;
#endif
    struct arch_shared_info arch;
};

struct start_info {
    char magic[32];       /* "xen-<version>-<platform>"                        */
    word_t nr_pages;      /* pages this domain owns                            */
    word_t shared_info;   /* machine address of shared_info                    */
    uint32_t flags;       /* SIF_*                                             */
    mfn_t store_mfn;      /* xenstore ring                                     */
    uint32_t store_evtchn;
    mfn_t console_mfn;    /* console ring (the domU arm of Xen's union)        */
    uint32_t console_evtchn;
    word_t pt_base;       /* virtual address of the top page table             */
    word_t nr_pt_frames;  /* frames of bootstrap page tables, from pt_base on  */
    word_t mfn_list;      /* virtual address of the pfn-to-mfn list            */
    word_t mod_start;
    word_t mod_len;
    char cmd_line[MAX_GUEST_CMDLINE];
    word_t first_p2m_pfn;
    word_t nr_p2m_frames;
};

/* One entry of the virtual IDT. */
struct trap_info {
    uint8_t vector;
    uint8_t flags; /* bits 0-1: least privileged ring that may use `int`; bit 2: mask events */
    uint16_t cs;
    word_t address;
};
#define TI_DPL(ring) (ring)
#define TI_MASK_EVENTS 4

/* mmu_update: one validated store into a page table. */
struct mmu_update {
    uint64_t ptr; /* machine address of the entry, low two bits: command */
    uint64_t val;
};
#define MMU_NORMAL_PT_UPDATE 0

struct mmuext_op {
    unsigned int cmd;
    word_t arg1;
    word_t arg2;
};
#define MMUEXT_TLB_FLUSH_LOCAL 6
#define MMUEXT_NEW_USER_BASEPTR 15

/* Flags of update_va_mapping. */
#define UVMF_NONE 0
#define UVMF_INVLPG 2

/* xen_version sub-command. */
#define XENVER_version 0

/* console_io sub-command. */
#define CONSOLEIO_write 0

#endif
