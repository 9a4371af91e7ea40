import { toNanoseconds } from "@xenolith/machine-interface";
import { type DomId, E2BIG, EFAULT, ENOSYS, EPERM } from "@xenolith/xen-abi";
import { __HYPERVISOR_console_io, CONSOLEIO_read, CONSOLEIO_write } from "@xenolith/xen-abi/xen";
import type { Hypercall, HypercallContext, HypercallResult } from "./context.ts";

/** The emergency console: where guests write before they have one of their own. */
export interface EmergencyConsole {
  /** Takes bytes that a domain wrote. They are the callee's; they may be anything. */
  write(domain: DomId, bytes: Uint8Array): void;
  /** Gives up to `limit` bytes of input for the privileged domain. */
  read(limit: number): Uint8Array;
}

/** Bytes copied at a time. */
const CHUNK_BYTES = 1024;
/** Charged for each byte of output. */
const BYTE_COST_NS = 10;

const write = (call: HypercallContext, console: EmergencyConsole): HypercallResult => {
  const count = call.argument32(1);
  const from = call.argument(2);
  if (!call.guest.isAllowed(from, count, 1)) return -EFAULT;
  for (let done = 0; done < count; ) {
    const bytes = new Uint8Array(Math.min(CHUNK_BYTES, count - done));
    if (!call.guest.copyFrom(from + done, bytes)) return -EFAULT;
    console.write(call.domain.id, bytes);
    done += bytes.length;
    call.charge(toNanoseconds(bytes.length * BYTE_COST_NS));
    if (done < count && call.shouldPreempt())
      return call.restart([CONSOLEIO_write, count - done, from + done]);
  }
  return 0;
};

const read = (call: HypercallContext, console: EmergencyConsole): number => {
  if (!call.domain.privileged) return -EPERM;
  // The answer is the number of bytes, so that no more can be asked for than is not negative as an int.
  if (call.argument32(1) > 0x7fff_ffff) return -E2BIG;
  const bytes = console.read(Math.min(call.argument32(1), CHUNK_BYTES));
  return call.guest.copyTo(call.argument(2), bytes) ? bytes.length : -EFAULT;
};

/** console_io(command, count, buffer). Every domain may write, only a privileged one may read. [XEN xen.h] */
export const createConsoleIo = (console: EmergencyConsole): Hypercall => ({
  number: __HYPERVISOR_console_io,
  handle(call) {
    switch (call.argument32(0)) {
      case CONSOLEIO_write:
        return write(call, console);
      case CONSOLEIO_read:
        return read(call, console);
      default:
        return -ENOSYS;
    }
  },
});
