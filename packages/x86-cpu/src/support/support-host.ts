/** What support functions ask of TypeScript, on behalf of whoever runs. Registers, budget and flags are in the state block. */
export interface SupportHost {
  /** 1 while an interrupt waits that could be taken if IF were set. */
  interruptRequested(): number;
  /** OUT of the accumulator. Sets `STATE.wantsAttention` where the loop is to look around. */
  portOut(port: number, sizeBytes: number): void;
  /** Value of a port, as IN; sets `STATE.wantsAttention` likewise. */
  portIn(port: number, sizeBytes: number): number;
  /** Puts the time-stamp counter into EDX:EAX. @returns 1 where a monitor wants to be asked instead */
  readTimestamp(): number;
  /** Puts a descriptor of the monitor's into the cache of the state block, if there is one. */
  fetchDescriptor(selector: number): void;
  /** Makes the space of a side (1: the kernel's) that of the VCPU and the active one. @returns its space tag for user accesses */
  enterSide(side: number): number;
}
