import type { MappedPages } from "@xenolith/domain-interface";
import { hypercallName } from "@xenolith/xen-abi/xen";
import { type CallArgument, SUCCESS } from "../calls/call.ts";
import type { Chooser, ChosenCall } from "../calls/choose.ts";
import { END_OUTCOME, FAULT_OUTCOME, outcomeOf } from "../calls/outcome.ts";
import { isListedOutcome, type Tally } from "../calls/tally.ts";
import { AT, COMMAND } from "./layout.ts";
import type { World } from "./world.ts";

/** The conversation between harness and attacker by way of the command page, for one life of an attacker. */
export interface Session {
  /** Puts the first command. */
  begin(preparations: readonly ChosenCall[]): void;
  /** Whether bytes on the emergency console are this attacker's word that its call is done. */
  isReport(bytes: Uint8Array): boolean;
  /** Takes the result and puts the next command. Runs within the attacker's hypercall. */
  onReport(): void;
  /** The domain has stopped: a call that was to end it has succeeded. */
  onStopped(): void;
  /** Calls answered so far. */
  readonly answered: number;
  /**
   * Calls in a row in whose course the attacker's own code faulted: it may have set a breakpoint in its own loop. Infinity:
   * it has lost its memory.
   */
  readonly faultsInARow: number;
  /** The call under way, for people. */
  describe(): string;
}

/** What a session is made from. */
export interface SessionParts {
  readonly command: MappedPages;
  readonly world: World;
  readonly tally: Tally;
  readonly chooser: Chooser;
  /** Calls after which the attacker ends its life. */
  readonly lifeCalls: number;
  /** Called now and then between two calls: others may do their mischief. */
  readonly between: () => readonly ChosenCall[];
}

/** Low and high half of an argument. */
const halves = (value: CallArgument): { readonly low: number; readonly high: number } => {
  const whole = BigInt.asUintN(64, BigInt(value));
  return { low: Number(whole & 0xffff_ffffn), high: Number(whole >> 32n) };
};

const hex = (value: CallArgument): string => `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}`;

/** Results of at least this are errnos, of which 64-bit ones have ones above. */
const LARGEST_RESULT = 0xffff_f000;

/** Makes the session of an attacker. */
export const createSession = ({
  command,
  world,
  tally,
  chooser,
  lifeCalls,
  between,
}: SessionParts): Session => {
  let queue: ChosenCall[] = [];
  let current: ChosenCall | null = null;
  let serial = 0;
  let answered = 0;
  let faultsInARow = 0;
  let prepared = false;

  const describe = (): string => {
    if (current === null) return "nothing";
    const { number, arguments: given } = current.call;
    return `${hypercallName(number)}(${given.map(hex).join(", ")})`;
  };

  const put = (next: ChosenCall): void => {
    current = next;
    const { call } = next;
    command.writeUint32(COMMAND.number, call.number >>> 0);
    for (let index = 0; index < 5; index++) {
      const { low, high } = halves(call.arguments[index] ?? 0);
      command.writeUint32(COMMAND.arguments + COMMAND.argumentBytes * index, low);
      command.writeUint32(COMMAND.arguments + COMMAND.argumentBytes * index + 4, high);
    }
    command.writeUint32(COMMAND.stackPointer, call.stackPointer ?? AT.stackTop);
    serial = (serial + 1) >>> 0;
    command.writeUint32(COMMAND.done, (0x5a5a_0000 ^ serial) >>> 0);
  };

  /** The result as a 32-bit attacker would see it. */
  const readResult = (): number => {
    const low = command.readUint32(COMMAND.result);
    const isErrno = !world.isWide || command.readUint32(COMMAND.result + 4) === 0xffff_ffff;
    return isErrno ? low : Math.min(low, LARGEST_RESULT);
  };

  const record = ({ call, operation }: ChosenCall, result: number): void => {
    const answer = call.outcome?.(result) ?? outcomeOf(result);
    const isSurprise = operation !== null && operation !== "mutated" && !isListedOutcome(operation, answer);
    // An attacker that has mapped its arena away asks for something else than was put there.
    const isLost = isSurprise && !world.isIntact();
    const outcome = isLost ? FAULT_OUTCOME : answer;
    if (isLost) faultsInARow = Number.POSITIVE_INFINITY;
    else if (Number.isFinite(faultsInARow)) faultsInARow = outcome === FAULT_OUTCOME ? faultsInARow + 1 : 0;
    if (operation === null) tally.countPreparation();
    else if (operation === "mutated") tally.countMutated(outcome);
    else tally.count(operation, outcome, describe());
    call.after?.(result);
  };

  const refill = (): void => {
    if (queue.length > 0) return;
    prepared = true;
    const extra = between();
    if (extra.length > 0) queue = [...extra];
    else queue = [...(answered >= lifeCalls ? chooser.last(world) : chooser.next(world))];
  };

  return {
    begin(preparations) {
      queue = [...preparations];
      const first = queue.shift();
      if (first !== undefined) put(first);
    },
    isReport(bytes) {
      if (bytes.length !== COMMAND.doneBytes) return false;
      const token = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
      return token === (0x5a5a_0000 ^ serial) >>> 0;
    },
    onReport() {
      if (current !== null) record(current, readResult());
      answered++;
      refill();
      const next = queue.shift();
      if (next !== undefined) put(next);
    },
    onStopped() {
      if (current === null || !prepared) return;
      const { operation } = current;
      if (operation === null) tally.countPreparation();
      else if (operation === "mutated") tally.countMutated(END_OUTCOME);
      else if (operation.endsDomain === true) tally.count(operation, SUCCESS, describe());
      else tally.count(operation, END_OUTCOME, describe());
      current = null;
    },
    get answered() {
      return answered;
    },
    get faultsInARow() {
      return faultsInARow;
    },
    describe,
  };
};
