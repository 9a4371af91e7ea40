; A firmware of 4 KiB for the end of the first MiB and of the 32-bit addresses: from the reset vector through real mode,
; protected mode, virtual-8086 mode and unreal mode. It reports to port 0xe9, one letter per step.
; nasm -f bin bios.asm; the bytes are in bios-image.ts.

        org 0xf000              ; offset in segment 0xf000
BASE    equ 0xf0000
%define LINEAR(label) (BASE + label)

        bits 16
start:
        cli
        xor     ax, ax
        mov     ss, ax
        mov     sp, 0x7000
        mov     es, ax
        mov     al, 'r'
        out     0xe9, al
        mov     bx, 0xffff      ; offsets wrap at 16 bits
        mov     si, 0x0511
        mov     byte [es:bx+si], 'w'
        mov     al, [es:0x0510]
        out     0xe9, al
        mov     word [es:4*0x21], service
        mov     word [es:4*0x21+2], cs
        int     0x21
        mov     word [es:4*13], limit_fault
        mov     word [es:4*13+2], cs
        mov     di, 0xffff
        mov     ax, [es:di]     ; beyond the limit: vector 13
beyond:
        o32 lgdt [cs:gdtr]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     dword 0x08:LINEAR(protected)

service:
        mov     al, 's'
        out     0xe9, al
        iret
limit_fault:
        mov     al, 'l'
        out     0xe9, al
        mov     bp, sp
        mov     word [bp], beyond
        iret

        bits 32
protected:
        mov     ax, 0x10
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     esp, 0x6000
        mov     al, 'p'
        out     0xe9, al
        lidt    [LINEAR(idtr)]
        mov     dword [0x3004], 0x6000  ; ESP0, SS0 and the I/O map of the task
        mov     dword [0x3008], 0x10
        mov     word [0x3066], 0x68
        mov     byte [0x3068 + 0x10], 1 ; port 0x80 is forbidden
        mov     ax, 0x18
        ltr     ax
        push    dword 0x4000    ; GS FS DS ES
        push    dword 0x3000
        push    dword 0x2000
        push    dword 0x1000
        push    dword 0         ; SS ESP
        push    dword 0x5000
        push    dword 0x20202   ; VM, IF
        push    dword 0xf000
        push    dword virtual
        iret

        bits 16
virtual:
        mov     al, 'v'
        out     0xe9, al
        mov     ax, gs          ; 0x4000
        mov     al, ah
        add     al, '0' - 0x30
        out     0xe9, al        ; '@'
        cli                     ; to the handler, which goes on behind it
        int     0x21            ; the same
        out     0x80, al        ; the same
        int3                    ; through its gate: any IOPL may
        hlt                     ; the handler leaves virtual-8086 mode

        bits 32
general_fault:
        add     esp, 4
        push    eax
        push    ebx
        mov     ebx, [esp + 12] ; CS
        shl     ebx, 4
        add     ebx, [esp + 8]  ; EIP
        mov     al, [cs:ebx]    ; DS is null now
        cmp     al, 0xf4
        je      leave_virtual
        mov     ah, 1
        cmp     al, 0xfa
        je      skip
        mov     ah, 2
skip:
        movzx   ebx, ah
        add     [esp + 8], ebx
        mov     al, 'g'
        out     0xe9, al
        pop     ebx
        pop     eax
        iret
breakpoint:
        push    eax
        mov     al, 'b'
        out     0xe9, al
        pop     eax
        iret
leave_virtual:
        mov     al, 'x'
        out     0xe9, al
        mov     ax, 0x10
        mov     fs, ax          ; 4 GiB, to be kept
        jmp     0x20:short_mode
        bits 16
short_mode:
        mov     ax, 0x28
        mov     ss, ax
        mov     ds, ax
        mov     es, ax
        mov     eax, cr0
        and     al, 0xfe
        mov     cr0, eax
        jmp     0xf000:real
real:
        xor     ax, ax
        mov     ss, ax
        mov     es, ax
        mov     sp, 0x7000
        o32 lidt [cs:real_idtr]
        mov     al, 'R'
        out     0xe9, al
        mov     fs, ax
        mov     fs, [cs:zero]
        mov     ebx, 0x180000
        mov     byte [fs:ebx], 'u'
        mov     al, [fs:ebx]
        out     0xe9, al
        int     0x21
        hlt

        align 8
gdt:
        dq      0
        dq      0x00cf9b000000ffff      ; 08: code, 4 GiB
        dq      0x00cf93000000ffff      ; 10: data, 4 GiB
        dq      0x00008900300000ff      ; 18: task at 0x3000
        dq      0x00009b0f0000ffff      ; 20: 16-bit code at 0xf0000
        dq      0x000093000000ffff      ; 28: 16-bit data
gdtr:
        dw      6*8 - 1
        dd      LINEAR(gdt)
zero:
        dw      0
idt:
        times 3 dq 0
        dw      breakpoint, 0x08, 0xee00, 0x000f
        times 9 dq 0
        dw      general_fault, 0x08, 0x8e00, 0x000f
idtr:
        dw      14*8 - 1
        dd      LINEAR(idt)
real_idtr:
        dw      0x3ff
        dd      0

        times 0xff0 - ($ - $$) db 0xff
reset:
        jmp     0xf000:start
        times 0x1000 - ($ - $$) db 0xff
