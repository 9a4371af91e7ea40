/* A flat image: one page of code and constants, then one of data and bss. */
#include "abi.h"

OUTPUT_FORMAT(ELF_FORMAT)
OUTPUT_ARCH(ELF_MACHINE)
ENTRY(_start)

SECTIONS
{
    . = USER_TEXT;
    .text : { *(.text.start) *(.text .text.*) *(.rodata .rodata.*) }
    ASSERT(. <= USER_DATA, "the program's code does not fit in its page")
    . = USER_DATA;
    .data : { *(.data .data.*) }
    .bss : { *(.bss .bss.* COMMON) }
    ASSERT(. <= USER_DATA + 4096, "the program's data does not fit in its page")
    /* Position-independent leftovers of the linker's: none may have content. */
    .none : { *(.got .got.plt .igot.plt .iplt .rel.* .rela.*) }
    ASSERT(SIZEOF(.none) == 0, "the program is not linked statically")
    /DISCARD/ : { *(.comment) *(.eh_frame) *(.note*) }
}
