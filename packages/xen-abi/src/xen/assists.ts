/** Commands of console_io. [XEN xen.h] */
export const CONSOLEIO_write = 0;
export const CONSOLEIO_read = 1;

/** Commands of vm_assist. [XEN xen.h] */
export const VMASST_CMD_enable = 0;
export const VMASST_CMD_disable = 1;

/** Types of vm_assist: bit numbers of a domain's assists. [XEN xen.h] */
export const VMASST_TYPE_4gb_segments = 0;
export const VMASST_TYPE_4gb_segments_notify = 1;
export const VMASST_TYPE_writable_pagetables = 2;
export const VMASST_TYPE_pae_extended_cr3 = 3;
export const VMASST_TYPE_architectural_iopl = 4;
export const VMASST_TYPE_runstate_update_flag = 5;
/** Only a 64-bit guest has it. */
export const VMASST_TYPE_m2p_strict = 32;
