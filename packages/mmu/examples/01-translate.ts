import { ACCESS, type PagingContext, REFILL, REFILL_MAILBOX } from "@xenolith/machine-interface";
import { createFakeMemory } from "@xenolith/machine-interface/testing";
import { createAddressTranslator } from "@xenolith/mmu";

const memory = createFakeMemory();
const translator = createAddressTranslator({ memory });

// A directory in frame 16 and a table in frame 17 that maps linear 0x3000 to frame 5, read-only, for everybody.
memory.words[(16 * 4096) / 4] = 17 * 4096 + 0x07;
memory.words[(17 * 4096) / 4 + 3] = 5 * 4096 + 0x05;
const context: PagingContext = {
  format: "two-level",
  rootAddress: 16 * 4096,
  writeProtect: true,
  noExecute: false,
  largePages: true,
  globalPages: false,
  supervisorExecutionPrevention: false,
  linearLimit: null,
  overlays: [],
};
translator.activate(translator.open(context));

const mailbox = (offset: number): string =>
  `0x${memory.view.getUint32(translator.tlb.mailbox + offset, true).toString(16)}`;
if (translator.refillActive(0x3123, ACCESS.read | ACCESS.user) === REFILL.filled) {
  console.log(`0x3123 is machine address ${mailbox(REFILL_MAILBOX.hostAddress)}`);
}
if (translator.refillActive(0x3123, ACCESS.write | ACCESS.user) === REFILL.fault) {
  console.log(`a write faults with error code ${mailbox(REFILL_MAILBOX.errorCode)}`);
}
