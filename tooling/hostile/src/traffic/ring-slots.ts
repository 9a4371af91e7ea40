import { createHostileTraffic, createRingFrontend, type RingFrontend } from "@xenolith/blkback/testing";
import { createMemoryStore } from "@xenolith/block-stores";
import type { Domain } from "@xenolith/domain-interface";
import { kernelPayload } from "@xenolith/host";
import { type EntropySource, toNanoseconds } from "@xenolith/machine-interface";
import { defineKernel } from "@xenolith/typescript-kernel";
import { type DomId, toDomId } from "@xenolith/xen-abi";
import { createStoreClient, type StoreClient } from "@xenolith/xenbus";
import type { Failures } from "../scene/failures.ts";
import type { Scene } from "../scene/scene.ts";
import type { Progress } from "./progress.ts";

const SECTORS = 1000;
const XVDA = 51712;
const STEP_NS = 4_000;
const BACK = toDomId(0);
const STATE = {
  initialising: "1",
  initWait: "2",
  initialised: "3",
  connected: "4",
  closing: "5",
  closed: "6",
} as const;

/**
 * Slices without a slot after which a front end is asked whether it still reaches the store, and after which it is replaced when
 * it does not. Requests of rings before may keep the disk busy for some tens of them.
 */
const ASKED_SLICES = 50;
const STUCK_SLICES = 100;

/**
 * A domain whose block front end breaks every rule of the ring, connects again and goes on. It names any reference for its
 * data, that of its own xenstore page too: what it reads from the disk then lies over the ring by which it would connect
 * again. Such a domain is followed by another. One that stands still with its store in order is the host's fault.
 */
export interface RingAttack {
  /** The domain that attacks now. */
  readonly id: DomId;
  readonly progress: Progress;
  /** Looks whether the attack comes on, after a slice of time; where it has lost its store, another domain takes its place. */
  attend(): Promise<void>;
}

/** What the attack is made with. */
export interface RingAttackOptions {
  readonly scene: Scene;
  readonly failures: Failures;
  readonly entropy: EntropySource;
  readonly slots: number;
  readonly onFailure: (error: unknown) => void;
}

/** Creates the first domain. The kernel of each starts the attack by itself. */
export const createRingAttack = async (options: RingAttackOptions): Promise<RingAttack> => {
  const { scene, failures, entropy } = options;
  const { host } = scene.assembled;
  let slots = 0;
  let rings = 0;
  let disconnections = 0;
  let replaced = 0;
  let slotsBefore = 0;
  let stillSlices = 0;
  /** Asks the store for something, as the domain that attacks now. */
  let askStore = (): void => {};
  let reachesStore = true;

  const attack = (domain: Domain): void => {
    const store: StoreClient = createStoreClient(domain.store);
    const path = `device/vbd/${XVDA}`;
    const backState = `/local/domain/0/backend/vbd/${domain.id}/${XVDA}/state`;
    let ring: RingFrontend | null = null;
    let isAttacking = false;

    const later = (run: () => void): void => {
      domain.timers.at(toNanoseconds(domain.timers.now() + STEP_NS), run);
    };
    const setState = (state: string): void => store.write(`${path}/state`, state);

    /** Offers a ring of a drawn shape. */
    const offer = (): void => {
      const ringPages = 2 ** entropy.below(3);
      ring = createRingFrontend({
        domain,
        backend: BACK,
        width: entropy.below(2) === 0 ? "x86_32p" : "x86_64",
        ringPages,
      });
      rings++;
      for (const name of ["ring-ref", "ring-page-order"]) store.remove(`${path}/${name}`);
      for (const [name, value] of Object.entries(ring.nodes)) store.write(`${path}/${name}`, value);
      setState(STATE.initialised);
    };

    const run = (front: RingFrontend): void => {
      isAttacking = true;
      const traffic = createHostileTraffic({
        frontend: front,
        domain,
        entropy: entropy.fork(`ring ${rings}`),
        sectorCount: SECTORS,
      });
      let counted = 0;
      const step = (): void => {
        const broken = traffic.step() === "indices";
        slots += traffic.slots - counted;
        counted = traffic.slots;
        // Now and then it does not take its responses, so that its ring is full of them.
        if (entropy.below(4) > 0) front.responses();
        if (broken) disconnections++;
        if (broken || slots >= options.slots || counted > 6000) setState(STATE.closed);
        else later(step);
      };
      step();
    };

    const onBackState = (state: string): void => {
      if (state === STATE.initWait && ring === null) offer();
      else if (state === STATE.connected && ring !== null && !isAttacking) run(ring);
      else if (state === STATE.closed && ring !== null) {
        const mapped = ring.close();
        if (mapped.length > 0)
          throw new Error(`the back end has closed and still maps ${mapped.length} pages`);
        ring.release();
        ring = null;
        isAttacking = false;
        if (slots < options.slots) setState(STATE.initialising);
      }
    };
    store.watch(backState, () => {
      store.read(backState, (result) => {
        if (result.ok) onBackState(result.value);
      });
    });
    askStore = () => {
      reachesStore = false;
      store.read(backState, ({ ok }) => {
        reachesStore = ok;
      });
    };
    setState(STATE.initialising);
  };

  const kernel = defineKernel({ name: "ring attack", start: ({ domain }) => attack(domain) });
  const begin = async (): Promise<DomId> => {
    const store = createMemoryStore({ sectorCount: SECTORS });
    return await host.toolstack.create({
      name: "ring-attack",
      payload: kernelPayload(kernel, { onFailure: options.onFailure }),
      commandLine: "",
      memoryMiB: 1,
      vcpus: 1,
      disks: [{ store, virtualDevice: "xvda", writable: true, cdrom: false, description: "memory" }],
      scheduling: {},
    });
  };
  let id = await scene.during(begin);
  return {
    get id() {
      return id;
    },
    get progress() {
      return {
        what: "corrupted ring slots",
        done: slots,
        wanted: options.slots,
        details: {
          rings,
          "disconnections for impossible indices": disconnections,
          "stuck front ends replaced": replaced,
        },
      };
    },
    async attend() {
      stillSlices = slots === slotsBefore ? stillSlices + 1 : 0;
      slotsBefore = slots;
      if (slots >= options.slots) return;
      if (stillSlices === ASKED_SLICES) askStore();
      if (stillSlices < STUCK_SLICES || reachesStore) return;
      stillSlices = 0;
      reachesStore = true;
      replaced++;
      const stuck = id;
      await scene.during(() => host.toolstack.destroy(stuck));
      if (host.control.describe(stuck) !== null)
        failures.add(`domain ${stuck} is destroyed, but something of it is left`);
      id = await scene.during(begin);
    },
  };
};
