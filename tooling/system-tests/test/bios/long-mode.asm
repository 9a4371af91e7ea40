; A firmware of 4 KiB for the end of the first MiB and of the 32-bit addresses: from the reset vector straight into IA-32e
; mode, through 64-bit and compatible code of rings 0 and 3, and back to real mode. It reports to port 0xe9, one letter per
; step. nasm -f bin long-mode.asm; the bytes are in long-mode-image.ts.

        org 0xf000              ; offset in segment 0xf000
BASE    equ 0xf0000
HIGH    equ 0xffffffff80000000  ; memory is there again
TABLES  equ 0x10000             ; PML4, PDPT, PD
TASK    equ 0x20000
PERCPU  equ 0x21000             ; [gs:0] user stack, [gs:8] kernel stack
%define LINEAR(label) (BASE + label)

        default rel
        bits 16
start:
        cli
        xor     ax, ax
        mov     ss, ax
        mov     sp, 0x7000
        mov     al, 'r'
        out     0xe9, al
        mov     ax, TABLES >> 4 ; page tables: 2 MiB at 0 and 1 GiB at HIGH, for everybody
        mov     es, ax
        mov     dword [es:0x0000], TABLES + 0x1000 + 7
        mov     dword [es:0x0ff8], TABLES + 0x1000 + 7
        mov     dword [es:0x1000], TABLES + 0x2000 + 7
        mov     dword [es:0x1ff0], 0x87
        mov     dword [es:0x2000], 0x87
        o32 lgdt [cs:gdtr]
        mov     eax, TABLES
        mov     cr3, eax
        mov     eax, 0x20       ; CR4.PAE
        mov     cr4, eax
        mov     ecx, 0xc0000080 ; EFER: SCE, LME
        mov     eax, 0x101
        xor     edx, edx
        wrmsr
        mov     eax, cr0
        or      eax, 0x80000001 ; PG and PE at once
        mov     cr0, eax
        jmp     dword 0x08:LINEAR(wide)

        bits 64
wide:
        mov     al, 'L'
        out     0xe9, al
        mov     ax, 0x10
        mov     ss, ax
        mov     ds, ax
        mov     es, ax
        mov     rsp, HIGH + 0x8000
        mov     rax, HIGH + LINEAR(high)
        jmp     rax
high:
        mov     al, 'H'
        out     0xe9, al
        lidt    [idtr]
        mov     qword [abs TASK + 4], 0x9000    ; RSP0
        mov     rax, HIGH + 0xa008              ; IST1, to be aligned
        mov     [abs TASK + 36], rax
        mov     ax, 0x30
        ltr     ax
        mov     ecx, 0xc0000081 ; STAR: kernel 0x08, user 0x18
        mov     edx, 0x00180008
        xor     eax, eax
        wrmsr
        inc     ecx             ; LSTAR
        mov     edx, 0xffffffff
        mov     eax, 0x80000000 + LINEAR(system_call)
        wrmsr
        mov     ecx, 0xc0000084 ; FMASK: IF, DF
        xor     edx, edx
        mov     eax, 0x600
        wrmsr
        mov     ecx, 0xc0000102 ; KERNEL_GS_BASE
        mov     edx, 0xffffffff
        mov     eax, 0x80000000 + PERCPU
        wrmsr
        mov     rax, HIGH + 0x9800
        mov     [abs PERCPU + 8], rax
        mov     rcx, LINEAR(user)
        mov     r11d, 0x602     ; IF, DF
        mov     rsp, 0xb000
        o64 sysret

system_call:                    ; prints AL
        swapgs
        mov     [gs:0], rsp
        mov     rsp, [gs:8]
        push    rcx
        push    r11
        out     0xe9, al
        pushfq                  ; FMASK has cleared IF and DF
        pop     rdx
        test    edx, 0x600
        jz      .masked
        mov     al, '!'
        out     0xe9, al
.masked:
        pop     r11
        pop     rcx
        mov     rsp, [gs:0]
        swapgs
        o64 sysret

user:
        mov     al, '1'
        syscall
        pushfq                  ; and SYSRET has brought them back
        pop     rax
        shr     eax, 9
        and     al, 3
        add     al, '0' - 1     ; '2'
        syscall
        ud2                     ; on a stack of its own
        mov     eax, [abs 0x300000]     ; not mapped
        mov     rax, 0x800000000000     ; not canonical
        mov     eax, [rax]
        push    0x1b            ; compatible code, by a far return
        push    LINEAR(compatible)
        o64 retf
again:
        mov     al, '3'
        syscall
        hlt                     ; the handler leaves IA-32e mode

        bits 32
compatible:
        mov     ecx, 0x23       ; returns from interrupts have dropped ring 0's
        mov     ds, ecx
        mov     al, 'c'
        int     0x20
        xor     eax, eax        ; addresses wrap at 32 bits
        dec     eax
        mov     al, [eax + LINEAR(letter) - 0xffffffff]
        int     0x20
        jmp     0x2b:LINEAR(again)

        bits 64
print:                          ; INT 0x20 prints AL
        out     0xe9, al
        iretq
undefined:
        test    spl, 15 - 8     ; SS RSP RFLAGS CS RIP: 8 off
        jz      .aligned
        mov     al, '!'
        out     0xe9, al
.aligned:
        mov     al, 'u'
        out     0xe9, al
        add     qword [rsp], 2
        iretq
page_fault:
        push    rax
        mov     al, 'f'
        out     0xe9, al
        mov     rax, cr2
        cmp     eax, 0x300000
        jne     .wrong
        cmp     dword [rsp + 8], 4
        je      .right
.wrong:
        mov     al, '!'
        out     0xe9, al
.right:
        pop     rax
        add     rsp, 8
        add     qword [rsp], 7
        iretq
protection:
        mov     rdx, [rsp + 8]
        cmp     byte [rdx], 0xf4
        je      leave_long
        mov     al, 'g'
        out     0xe9, al
        add     rsp, 8
        add     qword [rsp], 2
        iretq
leave_long:
        mov     al, 'x'
        out     0xe9, al
        push    0x40            ; compatible code of ring 0
        push    LINEAR(narrow)
        o64 retf

        bits 32
narrow:
        mov     ax, 0x10
        mov     ss, ax
        mov     ds, ax
        mov     eax, cr0
        and     eax, 0x7fffffff
        mov     cr0, eax        ; out of IA-32e mode
        mov     ecx, 0xc0000080
        xor     eax, eax
        xor     edx, edx
        wrmsr
        mov     al, 'n'
        out     0xe9, al
        jmp     0x48:short_mode
        bits 16
short_mode:
        mov     eax, cr0
        and     al, 0xfe
        mov     cr0, eax
        jmp     0xf000:real
real:
        mov     al, 'R'
        out     0xe9, al
        hlt

letter: db      'w'
        align 8
gdt:
        dq      0
        dq      0x00af9b000000ffff      ; 08: 64-bit code
        dq      0x00cf93000000ffff      ; 10: data
        dq      0x00cffb000000ffff      ; 18: compatible code of ring 3
        dq      0x00cff3000000ffff      ; 20: data of ring 3
        dq      0x00affb000000ffff      ; 28: 64-bit code of ring 3
        dq      0x0000890200000067      ; 30: task, 16 bytes
        dq      0
        dq      0x00cf9b000000ffff      ; 40: compatible code of ring 0
        dq      0x00009b0f0000ffff      ; 48: 16-bit code at 0xf0000
gdtr:
        dw      10*8 - 1
        dd      LINEAR(gdt)
%macro gate 3                   ; handler, stack, type
        dw      %1, 0x08, (%3 << 8) | %2, 0x000f
        dd      0, 0
%endmacro
        align 8
idt:
        times 6*2 dq 0
        gate    undefined, 1, 0x8e
        times 6*2 dq 0
        gate    protection, 0, 0x8e
        gate    page_fault, 0, 0x8e
        times (0x20-15)*2 dq 0
        gate    print, 0, 0xee
idtr:
        dw      0x21*16 - 1
        dq      HIGH + LINEAR(idt)

        times 0xff0 - ($ - $$) db 0xff
reset:
        bits 16
        jmp     0xf000:start
        times 0x1000 - ($ - $$) db 0xff
