/*
 * The kernel's place: linked at VIRT_BASE, loaded at pseudo-physical 0 (AT).
 * The builder computes: virtual = paddr - PADDR_OFFSET (0) + VIRT_BASE.
 */
#include "layout.h"

OUTPUT_FORMAT(ELF_FORMAT)
OUTPUT_ARCH(ELF_MACHINE)
ENTRY(_start)

PHDRS
{
    text PT_LOAD FLAGS(5);
    data PT_LOAD FLAGS(6);
    notes PT_NOTE FLAGS(4);
}

SECTIONS
{
    . = VIRT_BASE;
    .text : AT(ADDR(.text) - VIRT_BASE) {
        *(.text.hypercall_page)
        *(.text.start)
        *(.text .text.*)
    } :text
    .rodata : AT(ADDR(.rodata) - VIRT_BASE) { *(.rodata .rodata.*) } :text
    .notes : AT(ADDR(.notes) - VIRT_BASE) { KEEP(*(.note.Xen)) } :text :notes

    . = ALIGN(PAGE_SIZE);
    .data : AT(ADDR(.data) - VIRT_BASE) { *(.data .data.*) } :data
    .bss : AT(ADDR(.bss) - VIRT_BASE) {
        . = ALIGN(8);
        bss_start = .;
        *(.bss.page)
        *(.bss .bss.* COMMON)
        . = ALIGN(8);
        bss_end = .;
    } :data
    kernel_end = .;

    /* Position-independent leftovers of the linker's: none may have content. */
    .none : { *(.got .got.plt .igot.plt .iplt .rel.* .rela.*) }
    ASSERT(SIZEOF(.none) == 0, "the kernel is not linked statically")

    /DISCARD/ : { *(.comment) *(.eh_frame) *(.note.GNU-stack) *(.note.gnu.*) }
}
