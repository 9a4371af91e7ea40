import type { AssembledHost } from "@xenolith/host/testing";
import type { DomId } from "@xenolith/xen-abi";
import { type Attacker, createAttacker } from "./attacker/attacker.ts";
import type { AttackerWidth } from "./attacker/layout.ts";
import type { Mischief } from "./attacker/mischief.ts";
import { createChooser } from "./calls/choose.ts";
import { OPERATIONS } from "./calls/operations.ts";
import { createTally, type Tally } from "./calls/tally.ts";
import type { Draw } from "./draw.ts";
import type { Failures } from "./scene/failures.ts";
import type { Friend } from "./scene/friend.ts";
import type { Scene } from "./scene/scene.ts";

/** Slices without an answer after which an attacker counts as stuck. */
const STUCK_SLICES = 2;
/** Faults in a row after which it does, too. */
const MOST_FAULTS = 50;

/** What an assault is made from. */
export interface AssaultParts {
  readonly width: AttackerWidth;
  readonly scene: Scene;
  readonly failures: Failures;
  readonly draw: Draw;
  readonly friend: Friend;
  readonly victim: DomId;
  readonly mischief: Mischief;
  readonly successes: number;
  /** Calls in an attacker's life. */
  readonly lifeCalls: number;
}

/** The attackers of one width: one lives at a time, and is followed by the next. */
export interface Assault {
  readonly width: AttackerWidth;
  readonly tally: Tally;
  readonly lives: number;
  /** How attackers ended, by reason. */
  readonly ends: ReadonlyMap<string, number>;
  /** Takes what a domain wrote to the emergency console. */
  onEmergencyOutput(domain: DomId, bytes: Uint8Array): void;
  /** Looks whether the attacker still lives, after a slice of time; where it does not, or `isOver`, brings it to an end. */
  attend(isOver: boolean): Promise<void>;
  /** Makes an attacker where there is none. */
  begin(): Promise<void>;
}

/** Why an attacker has stopped, or null. */
const endOf = ({ host }: AssembledHost, { id }: Attacker): string | null => {
  const description = host.control.describe(id);
  if (description === null) return "gone";
  if (description.shutdownReason === null) return null;
  return description.crash === null ? description.shutdownReason : `crash: ${description.crash.reason}`;
};

/** A reason without what differs from one attacker to the next. */
const kindOf = (reason: string): string =>
  reason
    .replace(/\b(selector|code) [0-9a-f]+\b/g, "$1 N")
    .replace(/0x[0-9a-f]+/g, "N")
    .replace(/ after .*/, "");

/** Makes the assault of one width, without an attacker yet. */
export const createAssault = (parts: AssaultParts): Assault => {
  const { width, scene, failures, draw, friend, victim, mischief } = parts;
  const { assembled } = scene;
  const { host } = assembled;
  const tally = createTally(OPERATIONS[width]);
  const chooser = createChooser(OPERATIONS[width], tally, draw, parts.successes);
  const ends = new Map<string, number>();
  let lives = 0;
  let living: Attacker | null = null;
  let answeredBefore = 0;
  let idleSlices = 0;

  /** Why the life of an attacker has to end now, or null. */
  const judge = (attacker: Attacker, isOver: boolean): string | null => {
    const { session } = attacker;
    const end = endOf(assembled, attacker);
    if (end !== null) {
      session.onStopped();
      return end;
    }
    idleSlices = session.answered === answeredBefore ? idleSlices + 1 : 0;
    answeredBefore = session.answered;
    if (idleSlices >= STUCK_SLICES) return `killed: waits or hangs after ${session.describe()}`;
    if (session.faultsInARow > MOST_FAULTS) return "killed: faults on every call";
    return isOver ? "killed: the attack is over" : null;
  };

  return {
    width,
    tally,
    get lives() {
      return lives;
    },
    ends,
    onEmergencyOutput(domain, bytes) {
      if (living !== null && domain === living.id && living.session.isReport(bytes))
        living.session.onReport();
    },
    async begin() {
      if (living !== null) return;
      lives++;
      const attacker: Attacker = await scene.during(() =>
        createAttacker(
          {
            width,
            assembled,
            draw,
            tally,
            chooser,
            victim,
            offersTo: friend.offersTo,
            lifeCalls: parts.lifeCalls,
            between: mischief.between,
          },
          `attacker-${width}-${lives}`,
        ),
      );
      living = attacker;
      answeredBefore = 0;
      idleSlices = 0;
      host.control.unpause(attacker.id);
    },
    async attend(isOver) {
      const attacker = living;
      const how = attacker === null ? null : judge(attacker, isOver);
      if (attacker === null || how === null) return;
      ends.set(kindOf(how), (ends.get(kindOf(how)) ?? 0) + 1);
      living = null;
      attacker.release();
      await scene.during(() => host.toolstack.destroy(attacker.id));
      if (host.control.describe(attacker.id) !== null)
        failures.add(`domain ${attacker.id} is destroyed, but something of it is left`);
    },
  };
};
