import { createEntropy } from "@xenolith/machine";
import type { DomId } from "@xenolith/xen-abi";
import { type Assault, createAssault } from "./assault.ts";
import type { AttackerWidth } from "./attacker/layout.ts";
import { createMischief } from "./attacker/mischief.ts";
import type { Tally } from "./calls/tally.ts";
import { createDraw } from "./draw.ts";
import { type Bystander, bystanderScript, createBystander, createTicker } from "./scene/bystanders.ts";
import { checkHost } from "./scene/checks.ts";
import { createFailures, type Failures } from "./scene/failures.ts";
import { createFriend } from "./scene/friend.ts";
import { type MemoryUse, memoryUse } from "./scene/heap.ts";
import { createScene, type Scene } from "./scene/scene.ts";
import { createStandstillWatch } from "./scene/standstill.ts";
import type { Progress } from "./traffic/progress.ts";
import { createRingAttack } from "./traffic/ring-slots.ts";
import { createStoreAttack } from "./traffic/store-messages.ts";

/** How long and how hard to attack. */
export interface CampaignOptions {
  readonly seed: number;
  /** Hypercalls to make from guest kernels, of both widths together. */
  readonly calls: number;
  /** Ring slots, xenstore messages and grant references to corrupt, of each. */
  readonly traffic: number;
  /** Successes wanted of every sub-operation in each width. */
  readonly successes: number;
  /** Calls in an attacker's life. */
  readonly lifeCalls: number;
  /** Rounds of commands that the bystander is given, spread over the attack. */
  readonly bystanderRounds: number;
  /** Told after each slice of virtual time how far every part of the attack has come, for people who wait. */
  readonly onProgress?: (parts: readonly Progress[], virtualNs: number) => void;
}

/** What the attackers of one width have seen. */
export interface AssaultReport {
  readonly width: AttackerWidth;
  readonly tally: Tally;
  readonly lives: number;
  /** How attackers ended, by reason. */
  readonly ends: ReadonlyMap<string, number>;
}

/** What the process held when so many calls had been made. */
export interface MemorySample extends MemoryUse {
  readonly calls: number;
}

/** Numbers about the whole attack, and what went wrong. */
export interface CampaignReport {
  readonly assaults: readonly AssaultReport[];
  readonly traffic: readonly Progress[];
  readonly checks: number;
  readonly ticks: number;
  readonly bystanderCommands: number;
  readonly virtualNs: number;
  /** After each tenth of the attack. */
  readonly memory: readonly MemorySample[];
  readonly failures: readonly string[];
}

const WIDTHS: readonly AttackerWidth[] = ["x86_32p", "x86_64"];

const SLICE_NS = 1_000_000;
const CHECK_EVERY_CALLS = 2000;
/** Calls between two checks in long attacks: a check looks at all frames. */
const CHECKS_AT_MOST = 1000;
const TICK_MS = 5;
/** Slices that the rest may take once the hypercalls are over. */
const LAST_SLICES = 20_000;
/** Slices in which a part of the attack need not come on: ten times what a life takes that is stuck. */
const MOST_STILL_SLICES = 1000;
/** Growth of the heap that is still the collector's affair. */
const HEAP_SLACK_BYTES = 48 * 1_048_576;
const SAMPLES = 10;

/** Names of what was not seen often enough. */
export const unfinishedOf = ({ assaults }: CampaignReport, successes: number): string[] =>
  assaults.flatMap(({ width, tally }) => tally.unfinished(successes).map(({ name }) => `${name} (${width})`));

/** What the bystander prints and writes where nobody attacks. */
const undisturbed = async (
  seed: number,
  script: readonly string[],
): Promise<{ output: string; disk: Uint8Array }> => {
  const failures = createFailures();
  const scene = createScene(seed, failures);
  const bystander = await scene.during(() => createBystander(scene.assembled.host, "bystander", script));
  await finish(scene, bystander, script, failures);
  return { output: bystander.output(), disk: await bystander.disk() };
};

const finish = async (
  { assembled: { host } }: Scene,
  bystander: Bystander,
  script: readonly string[],
  failures: Failures,
): Promise<void> => {
  bystander.allow(script.length);
  for (let left = LAST_SLICES; !bystander.isDone && left > 0 && failures.all.length === 0; left--)
    await host.run({ untilNs: host.clock.now() + SLICE_NS });
  if (!bystander.isDone) failures.add(`the bystander has done only ${bystander.finished} commands`);
};

/**
 * Runs the attack on a fresh host. What went wrong is in the report, that a part of the attack came to a standstill too.
 * @throws only when the control domain no longer answers, so that no domain can be made or destroyed.
 */
export const runCampaign = async (options: CampaignOptions): Promise<CampaignReport> => {
  const failures = createFailures();
  const entropy = createEntropy(options.seed);
  const draw = createDraw(entropy.fork("attack"));
  const scene = createScene(options.seed, failures);
  const { assembled } = scene;
  const { host } = assembled;
  const mischief = createMischief(options.traffic);
  const script = bystanderScript(options.bystanderRounds);
  const onFailure =
    (who: string) =>
    (error: unknown): void =>
      failures.add(`${who} threw: ${error instanceof Error ? error.stack : String(error)}`);

  const bystander = await scene.during(() => createBystander(host, "bystander", script));
  const ticker = await scene.during(() => createTicker(host, "ticker", TICK_MS));
  const assaults: Assault[] = [];
  const friends: { readonly id: DomId }[] = [];
  for (const width of WIDTHS) {
    const name = `friend-${width}`;
    const friend = await scene.during(() => createFriend(host, name, onFailure(name)));
    friends.push(friend);
    const { successes, lifeCalls } = options;
    const victim = bystander.id;
    assaults.push(
      createAssault({ width, scene, failures, draw, friend, victim, mischief, successes, lifeCalls }),
    );
  }
  const rings = await createRingAttack({
    scene,
    failures,
    entropy: entropy.fork("rings"),
    slots: options.traffic,
    onFailure: onFailure("the ring attack"),
  });
  const messages = await scene.during(() =>
    createStoreAttack({
      assembled,
      draw: createDraw(entropy.fork("messages")),
      messages: options.traffic,
      onFailure: onFailure("the store attack"),
    }),
  );
  scene.onEmergencyOutput((domain, bytes) => {
    for (const assault of assaults) assault.onEmergencyOutput(domain, bytes);
  });

  const lasting: readonly { readonly id: DomId }[] = [bystander, ticker, ...friends, rings, messages];
  const traffic = (): Progress[] => [rings.progress, messages.progress, mischief.progress];
  const calls = (): number => assaults.reduce((sum, { tally }) => sum + tally.calls, 0);
  const parts = (): Progress[] => [
    { what: "hypercalls", done: calls(), wanted: options.calls, details: {} },
    ...traffic(),
  ];
  const isOver = (): boolean => parts().every(({ done, wanted }) => done >= wanted);
  const standstill = createStandstillWatch(failures, MOST_STILL_SLICES);
  const checkEvery = Math.max(CHECK_EVERY_CALLS, Math.ceil(options.calls / CHECKS_AT_MOST));
  const memory: MemorySample[] = [];
  let checks = 0;

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
  const sample = (): void => {
    memory.push({ calls: calls(), ...memoryUse() });
  };

  while (!isOver() && failures.all.length === 0) {
    for (const assault of assaults) await assault.begin();
    await host.run({ untilNs: host.clock.now() + SLICE_NS });
    if (calls() >= checks * checkEvery) check();
    standstill.look(parts());
    options.onProgress?.(parts(), host.clock.now());
    for (const assault of assaults) await assault.attend(isOver() || failures.all.length > 0);
    await rings.attend();
    bystander.allow(Math.floor((script.length * calls()) / options.calls));
    if (memory.length < SAMPLES && calls() >= ((memory.length + 1) * options.calls) / SAMPLES) sample();
  }
  for (const assault of assaults) await assault.attend(true);
  sample();
  const [early] = memory;
  const late = memory.at(-1);
  if (early !== undefined && late !== undefined && late.heapBytes > early.heapBytes + HEAP_SLACK_BYTES)
    failures.add(`the heap grew from ${early.heapBytes} to ${late.heapBytes} bytes`);
  check();
  for (const { width, tally } of assaults)
    for (const surprise of tally.surprises()) failures.add(`${width}: ${surprise}`);
  await finish(scene, bystander, script, failures);
  const expected = await undisturbed(options.seed, script);
  if (bystander.output() !== expected.output)
    failures.add("the bystander's output is not what it is without an attack");
  if (Buffer.compare(await bystander.disk(), expected.disk) !== 0)
    failures.add("the bystander's disk is not what it is without an attack");

  return {
    assaults: assaults.map(({ width, tally, lives, ends }) => ({ width, tally, lives, ends })),
    traffic: traffic(),
    checks,
    ticks: ticker.ticks(),
    bystanderCommands: bystander.finished,
    virtualNs: host.clock.now(),
    memory,
    failures: failures.all,
  };
};
