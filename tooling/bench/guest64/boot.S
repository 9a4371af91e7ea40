/* From multiboot's 32-bit entry to 64-bit code: 4-level tables of 4 KiB pages that map 64 MiB to themselves. */
 .section .mb, "a"
 .align 4
 .long 0x1BADB002, 3, -(0x1BADB002 + 3)

 .set TABLES, 32
 .set PRESENT_WRITABLE, 3

 .code32
 .text
 .globl _start
_start:
 cli
 mov %ebx, information
 mov $page_tables, %edi
 mov $PRESENT_WRITABLE, %eax
 mov $(512 * TABLES), %ecx
1: mov %eax, (%edi)
 add $4096, %eax
 add $8, %edi
 dec %ecx
 jnz 1b
 mov $directory, %edi
 mov $(page_tables + PRESENT_WRITABLE), %eax
 mov $TABLES, %ecx
2: mov %eax, (%edi)
 add $4096, %eax
 add $8, %edi
 dec %ecx
 jnz 2b
 movl $(directory + PRESENT_WRITABLE), pointers
 movl $(pointers + PRESENT_WRITABLE), root
 /* CR4: PAE, OSFXSR, OSXMMEXCPT */
 mov %cr4, %eax
 or $0x620, %eax
 mov %eax, %cr4
 mov $root, %eax
 mov %eax, %cr3
 /* EFER.LME */
 mov $0xc0000080, %ecx
 rdmsr
 or $0x100, %eax
 wrmsr
 /* CR0: PG, WP, MP, no EM */
 mov %cr0, %eax
 or $0x80010002, %eax
 and $~4, %eax
 mov %eax, %cr0
 lgdt table
 ljmp $8, $wide

 .code64
wide:
 mov $16, %eax
 mov %eax, %ds
 mov %eax, %es
 mov %eax, %ss
 mov $stack_top, %esp
 lidt gates_table
 fninit
 mov information, %edi
 call guest_main
3: cli
 hlt
 jmp 3b

 /* Every exception is the end: its vector, then what it pushed. */
 .globl trap_entries
 .altmacro
 .macro ENTRY v
trap\v:
 mov $\v, %edi
 jmp trapped
 .endm
 .set i, 0
 .rept 32
 ENTRY %i
 .set i, i + 1
 .endr
trapped:
 mov %rsp, %rsi
 call trap_handler
4: hlt
 jmp 4b

 .macro ENTRY_ADDRESS v
 .quad trap\v
 .endm
 .data
 .align 8
trap_entries:
 .set i, 0
 .rept 32
 ENTRY_ADDRESS %i
 .set i, i + 1
 .endr
gdt:
 .quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff
gdt_end:
table:
 .word gdt_end - gdt - 1
 .quad gdt
 .globl gates_table
gates_table:
 .word 32 * 16 - 1
 .quad gates
information:
 .long 0

 .bss
 .align 4096
root: .skip 4096
pointers: .skip 4096
directory: .skip 4096
page_tables: .skip 4096 * TABLES
 .globl gates
gates: .skip 32 * 16
 .section .bss.stack, "aw", @nobits
 .balign 16
 .skip 65536
stack_top:
