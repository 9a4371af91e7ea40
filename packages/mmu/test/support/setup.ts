import {
  type AddressTranslator,
  type Asid,
  type MachineMemory,
  type PagingContext,
  REFILL,
  REFILL_MAILBOX,
  REFILL_REASON,
  TLB_ENTRY_BYTES,
  tlbIndex,
  toLinearAddress,
} from "@xenolith/machine-interface";
import { createFakeMemory } from "@xenolith/machine-interface/testing";
import { createAddressTranslator } from "../../src/index.ts";

/** A context without paging; tests spread over it. */
export const baseContext: PagingContext = {
  format: "none",
  rootAddress: 0,
  writeProtect: true,
  noExecute: true,
  largePages: true,
  globalPages: true,
  supervisorExecutionPrevention: false,
  linearLimit: null,
  overlays: [],
};

/** What an access came to, read from result and mailbox. */
export type Answer =
  | { readonly result: "filled" | "direct"; readonly hostAddress: number }
  | {
      readonly result: "fault";
      readonly reason: string;
      readonly errorCode: number;
      readonly address: number;
    };

/** One entry of the software TLB. */
export interface TlbEntry {
  readonly tag: bigint;
  readonly addend: number;
  readonly frame: number;
}

/** A translator over a small memory with one space, and shorthands. */
export interface Bench {
  readonly memory: MachineMemory;
  readonly translator: AddressTranslator;
  readonly space: Asid;
  /** Refill as generated code asks for it. */
  active(at: number, access: number): Answer;
  /** Refill as TypeScript asks for it. */
  reference(at: number, access: number): Answer;
  /** The entry at the index of an address. */
  entry(at: number, kind: number): TlbEntry;
  /** Tag that the active space's accesses to a page carry. */
  tagOf(at: number, lowBits: number): bigint;
  setContext(context: Partial<PagingContext>): void;
}

const REASONS = Object.entries(REFILL_REASON);

/** Makes a bench. Frames of RAM: 4096 by default (16 MiB). */
export const createBench = (frameCount = 4096): Bench => {
  const memory = createFakeMemory({ frameCount });
  const translator = createAddressTranslator({ memory });
  const space = translator.open(baseContext);
  /** Active while TypeScript is to refill: for the active space the generated code does. */
  const other = translator.open(baseContext);
  translator.activate(other);
  translator.activate(space);

  const answer = (result: number): Answer => {
    const at = translator.tlb.mailbox;
    if (result === REFILL.fault) {
      const reason = memory.view.getUint32(at + REFILL_MAILBOX.reason, true);
      return {
        result: "fault",
        reason: REASONS.find(([, value]) => value === reason)?.[0] ?? "unknown",
        errorCode: memory.view.getUint32(at + REFILL_MAILBOX.errorCode, true),
        address: memory.view.getFloat64(at + REFILL_MAILBOX.address, true),
      };
    }
    const hostAddress = memory.view.getUint32(at + REFILL_MAILBOX.hostAddress, true);
    return { result: result === REFILL.filled ? "filled" : "direct", hostAddress };
  };

  return {
    memory,
    translator,
    space,
    active: (at, access) => answer(translator.refillActive(at, access)),
    reference(at, access) {
      translator.activate(other);
      const result = translator.refill(space, toLinearAddress(at), access);
      translator.activate(space);
      return answer(result);
    },
    entry(at, kind) {
      const arrays = [translator.tlb.read, translator.tlb.write, translator.tlb.execute];
      const offset = (arrays[kind] ?? 0) + tlbIndex(at) * TLB_ENTRY_BYTES;
      return {
        tag: memory.view.getBigInt64(offset, true),
        addend: memory.view.getUint32(offset + 8, true),
        frame: memory.view.getUint32(offset + 12, true),
      };
    },
    tagOf: (at, lowBits) => BigInt(Math.floor(at / 4096) * 4096 + translator.activate(space) + lowBits),
    setContext(context) {
      translator.change(space, { ...baseContext, ...context });
      translator.activate(space);
    },
  };
};

/** Page-table entries as the matrix describes them, before they are bits. */
export interface EntryBits {
  readonly present: boolean;
  readonly writable: boolean;
  readonly user: boolean;
  readonly noExecute: boolean;
  /** Some reserved bit is set. */
  readonly reserved: boolean;
  readonly large: boolean;
}

/** An entry that allows everything. */
export const openEntry: EntryBits = {
  present: true,
  writable: true,
  user: true,
  noExecute: false,
  reserved: false,
  large: false,
};
