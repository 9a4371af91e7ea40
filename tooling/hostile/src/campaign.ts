import { createEntropy } from "@xenolith/machine";
import type { DomId } from "@xenolith/xen-abi";
import { type Attacker, createAttacker } from "./attacker/attacker.ts";
import { createMischief } from "./attacker/mischief.ts";
import { createChooser } from "./calls/choose.ts";
import { allOperations } from "./calls/operations.ts";
import { createTally, type Tally } from "./calls/tally.ts";
import { createDraw } from "./draw.ts";
import { type Bystander, bystanderScript, createBystander, createTicker } from "./scene/bystanders.ts";
import { checkHost } from "./scene/checks.ts";
import { createFailures, type Failures } from "./scene/failures.ts";
import { createFriend } from "./scene/friend.ts";
import { heapBytes } from "./scene/heap.ts";
import { createScene, type Scene } from "./scene/scene.ts";
import type { Progress } from "./traffic/progress.ts";
import { createRingAttack } from "./traffic/ring-slots.ts";
import { createStoreAttack } from "./traffic/store-messages.ts";

/** How long and how hard to attack. */
export interface CampaignOptions {
  readonly seed: number;
  /** Hypercalls to make from ring 1; as many ring slots, xenstore messages and grant references. */
  readonly calls: number;
  /** Successes wanted of every sub-operation. */
  readonly successes: number;
  /** Calls in an attacker's life. */
  readonly lifeCalls: number;
  /** Rounds of commands that the bystander is given. */
  readonly bystanderRounds: number;
}

/** Numbers about the whole attack, and what went wrong. */
export interface CampaignReport {
  readonly tally: Tally;
  readonly lives: number;
  /** How attackers ended, by reason. */
  readonly ends: ReadonlyMap<string, number>;
  readonly traffic: readonly Progress[];
  readonly checks: number;
  readonly ticks: number;
  readonly bystanderCommands: number;
  readonly virtualNs: number;
  /** Bytes of the process's heap after a tenth of the attack, and at its end. */
  readonly heapBytes: { readonly early: number; readonly late: number };
  readonly failures: readonly string[];
}

const SLICE_NS = 1_000_000;
/** Slices without an answer after which an attacker counts as stuck. */
const STUCK_SLICES = 6;
/** Faults in a row after which it does, too. */
const MOST_FAULTS = 50;
const CHECK_EVERY_CALLS = 2000;
const TICK_MS = 5;
/** Slices that the rest may take once the hypercalls are over. */
const LAST_SLICES = 20_000;
/** Growth of the heap that is still the collector's affair. */
const HEAP_SLACK_BYTES = 48 * 1_048_576;

/** What the bystander prints and writes where nobody attacks. */
const undisturbed = async (
  seed: number,
  script: readonly string[],
): Promise<{ output: string; disk: Uint8Array }> => {
  const failures = createFailures();
  const scene = createScene(seed, failures);
  const bystander = await scene.during(() => createBystander(scene.assembled.host, "bystander", script));
  await finish(scene, bystander, failures);
  return { output: bystander.output(), disk: await bystander.disk() };
};

const finish = async (
  { assembled: { host } }: Scene,
  bystander: Bystander,
  failures: Failures,
): Promise<void> => {
  for (let left = LAST_SLICES; !bystander.isDone && left > 0 && failures.all.length === 0; left--)
    await host.run({ untilNs: host.clock.now() + SLICE_NS });
  if (!bystander.isDone) failures.add(`the bystander has done only ${bystander.finished} commands`);
};

/** Why an attacker has stopped, or null. */
const endOf = ({ assembled: { host } }: Scene, { id }: Attacker): string | null => {
  const description = host.control.describe(id);
  if (description === null) return "gone";
  if (description.shutdownReason === null) return null;
  return description.crash === null ? description.shutdownReason : `crash: ${description.crash.reason}`;
};

/** Runs the attack on a fresh host. Nothing that happens in it throws: what went wrong is in the report. */
export const runCampaign = async (options: CampaignOptions): Promise<CampaignReport> => {
  const failures = createFailures();
  const entropy = createEntropy(options.seed);
  const draw = createDraw(entropy.fork("attack"));
  const scene = createScene(options.seed, failures);
  const { assembled } = scene;
  const { host } = assembled;
  const tally = createTally(allOperations);
  const chooser = createChooser(allOperations, tally, draw, options.successes);
  const mischief = createMischief(options.calls);
  const script = bystanderScript(options.bystanderRounds);
  const onFailure =
    (who: string) =>
    (error: unknown): void =>
      failures.add(`${who} threw: ${error instanceof Error ? error.stack : String(error)}`);

  const bystander = await scene.during(() => createBystander(host, "bystander", script));
  const ticker = await scene.during(() => createTicker(host, "ticker", TICK_MS));
  const friend = await scene.during(() => createFriend(host, onFailure("the friend")));
  const rings = await scene.during(() =>
    createRingAttack({
      host,
      entropy: entropy.fork("rings"),
      slots: options.calls,
      onFailure: onFailure("the ring attack"),
    }),
  );
  const messages = await scene.during(() =>
    createStoreAttack({
      assembled,
      draw: createDraw(entropy.fork("messages")),
      messages: options.calls,
      onFailure: onFailure("the store attack"),
    }),
  );
  const lasting: readonly { readonly id: DomId }[] = [bystander, ticker, friend, rings, messages];
  const traffic = (): Progress[] => [rings.progress, messages.progress, mischief.progress];
  const isOver = (): boolean =>
    tally.calls >= options.calls && traffic().every(({ done, wanted }) => done >= wanted);

  let attacker: Attacker | null = null;
  let checks = 0;
  scene.onEmergencyOutput((domain, bytes) => {
    if (attacker !== null && domain === attacker.id && attacker.session.isReport(bytes))
      attacker.session.onReport();
  });

  const check = (): void => {
    checks++;
    checkHost(assembled, failures);
    for (const { id } of lasting) {
      const description = host.control.describe(id);
      if (description?.shutdownReason !== null)
        failures.add(
          `domain ${id} has stopped: ${description?.crash?.reason ?? description?.shutdownReason}`,
        );
    }
  };

  /** Lets an attacker live until it ends, hangs, or the attack is over. @returns how it ended */
  const live = async (living: Attacker): Promise<string> => {
    for (let idleSlices = 0; ; ) {
      const before = living.session.answered;
      await host.run({ untilNs: host.clock.now() + SLICE_NS });
      if (tally.calls >= checks * CHECK_EVERY_CALLS) check();
      const end = endOf(scene, living);
      if (end !== null) {
        living.session.onStopped();
        return end;
      }
      idleSlices = living.session.answered === before ? idleSlices + 1 : 0;
      if (idleSlices >= STUCK_SLICES) return `killed: waits or hangs after ${living.session.describe()}`;
      if (living.session.faultsInARow > MOST_FAULTS) return "killed: faults on every call";
      if (failures.all.length > 0 || isOver()) return "killed: the attack is over";
    }
  };

  const ends = new Map<string, number>();
  let lives = 0;
  let early = 0;
  while (!isOver() && failures.all.length === 0) {
    lives++;
    const born: Attacker = await scene.during(() =>
      createAttacker(
        {
          assembled,
          draw,
          tally,
          chooser,
          victim: bystander.id,
          offersTo: friend.offersTo,
          lifeCalls: options.lifeCalls,
          between: mischief.between,
        },
        `attacker-${lives}`,
      ),
    );
    attacker = born;
    host.control.unpause(born.id);
    const how = await live(born);
    ends.set(how, (ends.get(how) ?? 0) + 1);
    attacker = null;
    born.release();
    await scene.during(() => host.toolstack.destroy(born.id));
    if (host.control.describe(born.id) !== null)
      failures.add(`domain ${born.id} is destroyed, but something of it is left`);
    if (early === 0 && tally.calls >= options.calls / 10) early = heapBytes();
  }
  const late = heapBytes();
  if (late > early + HEAP_SLACK_BYTES) failures.add(`the heap grew from ${early} to ${late} bytes`);
  check();
  for (const surprise of tally.surprises()) failures.add(surprise);
  await finish(scene, bystander, failures);
  const expected = await undisturbed(options.seed, script);
  if (bystander.output() !== expected.output)
    failures.add("the bystander's output is not what it is without an attack");
  if (Buffer.compare(await bystander.disk(), expected.disk) !== 0)
    failures.add("the bystander's disk is not what it is without an attack");

  return {
    tally,
    lives,
    ends,
    traffic: traffic(),
    checks,
    ticks: ticker.ticks(),
    bystanderCommands: bystander.finished,
    virtualNs: host.clock.now(),
    heapBytes: { early, late },
    failures: failures.all,
  };
};
