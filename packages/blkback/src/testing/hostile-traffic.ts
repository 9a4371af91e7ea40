import type { Domain } from "@xenolith/domain-interface";
import type { EntropySource } from "@xenolith/machine-interface";
import { toGrantRef } from "@xenolith/xen-abi";
import {
  BLKIF_OP_INDIRECT,
  BLKIF_SLOT_BYTES,
  type BlkifRequest,
  type BlkifRequestSegment,
} from "@xenolith/xen-abi/io/blkif";
import { SHARED_RING } from "@xenolith/xen-abi/io/ring";
import type { RingFrontend } from "./ring-frontend.ts";

/** What a hostile front end works against. */
export interface HostileTrafficOptions {
  readonly frontend: RingFrontend;
  /** Domain of the front end. */
  readonly domain: Domain;
  /** Everything that happens is drawn from here: the same seed, the same traffic. */
  readonly entropy: EntropySource;
  /** Size of the disk, around whose end ranges are drawn. */
  readonly sectorCount: number;
}

/** What a step did. `indices`: the back end must disconnect. */
export type HostileStep = "slots" | "memory" | "grants" | "indices";

/** A front end that breaks every rule it can, repeatably. */
export interface HostileTraffic {
  /** Puts some slots, or scribbles over the ring, or takes grants away, and sends an event. @returns what it did. */
  step(): HostileStep;
  /** Slots put so far. */
  readonly slots: number;
}

const OPERATIONS = [0, 0, 0, 1, 1, 1, 2, 3, 4, 5, 6, 7, 0x80, 0xff];
const ODD_SECTS = [0, 6, 7, 8, 9, 0x7f, 0x80, 0xff];
const ODD_SEGMENT_COUNTS = [0, 11, 12, 13, 127, 128, 255];
/** Around what a request, a page of segments and a back end may have. */
const ODD_INDIRECT_COUNTS = [0, 31, 32, 255, 256, 257, 511, 512, 513, 0xffff];
const ODD_REFERENCES = [0, 1, 7, 511, 512, 0x7fff_ffff, 0xffff_ffff];

/** Makes such a front end over a ring that is, so far, in order. */
export const createHostileTraffic = (options: HostileTrafficOptions): HostileTraffic => {
  const { frontend, domain, entropy, sectorCount } = options;
  const pick = (from: readonly number[]): number => from[entropy.below(from.length)] ?? 0;
  const chance = (oneIn: number): boolean => entropy.below(oneIn) === 0;
  let slots = 0;

  // Each value is odd now and then, so that most requests have one or two mistakes or none.
  const drawSector = (): number => {
    if (chance(5)) return Math.max(0, sectorCount + entropy.below(24) - 12);
    return chance(12) ? entropy.next32() * 2 ** pick([0, 20, 32]) : entropy.below(sectorCount);
  };
  const drawReference = (): number => {
    if (!chance(25)) return pick(frontend.references);
    return chance(2) ? pick(ODD_REFERENCES) : entropy.next32();
  };
  const drawSegment = (): BlkifRequestSegment => {
    const firstSect = chance(15) ? pick(ODD_SECTS) : entropy.below(8);
    const lastSect = chance(15) ? pick(ODD_SECTS) : firstSect + entropy.below(Math.max(1, 8 - firstSect));
    return { gref: toGrantRef(drawReference()), firstSect, lastSect };
  };
  const drawRequest = (): BlkifRequest => ({
    operation: pick(OPERATIONS),
    nrSegments: chance(6) ? pick(ODD_SEGMENT_COUNTS) : 1 + entropy.below(4),
    handle: entropy.below(65_536),
    id: { low: entropy.next32(), high: entropy.next32() },
    sectorNumber: drawSector(),
    seg: Array.from({ length: 11 }, drawSegment),
  });
  /** An indirect request: its first segments are in order but for some mistakes, the others whatever stood in the page. */
  const putIndirect = (): void => {
    const nrSegments = chance(6) ? pick(ODD_INDIRECT_COUNTS) : 1 + entropy.below(40);
    const page = entropy.below(frontend.references.length);
    if (!chance(8))
      frontend.writeSegments(page, Array.from({ length: Math.min(nrSegments, 40) }, drawSegment));
    const reference = frontend.references[page] ?? toGrantRef(0);
    frontend.putIndirect({
      operation: BLKIF_OP_INDIRECT,
      indirectOp: chance(8) ? pick(OPERATIONS) : entropy.below(2),
      nrSegments,
      id: { low: entropy.next32(), high: entropy.next32() },
      sectorNumber: drawSector(),
      handle: entropy.below(65_536),
      indirectGrefs: Array.from({ length: 8 }, (_unused, index) =>
        index === 0 && !chance(10) ? reference : toGrantRef(drawReference()),
      ),
    });
  };
  const drawBytes = (): Uint8Array =>
    Uint8Array.from({ length: BLKIF_SLOT_BYTES[frontend.width] }, () => entropy.below(256));

  const putSlots = (): void => {
    for (let left = 1 + entropy.below(12); left > 0 && frontend.ring.freeSlots > 0; left--) {
      if (chance(8)) frontend.putBytes(drawBytes());
      else if (chance(6)) putIndirect();
      else frontend.put(drawRequest());
      slots++;
    }
  };
  /** Writes where no index of the front's own is: what the back wrote, padding, slots that are on their way. */
  const scribble = (): void => {
    const words = frontend.ringMemory.lengthBytes / 4;
    for (let left = entropy.below(16); left > 0; left--) {
      const at = pick([SHARED_RING.reqEvent, SHARED_RING.rspEvent, (4 + entropy.below(words - 4)) * 4]);
      frontend.ringMemory.writeUint32(at, entropy.next32());
    }
  };
  const corruptProducer = (): void => {
    const far = frontend.ring.slotCount + 1 + entropy.below(0x7fff_0000);
    const now = frontend.ringMemory.readUint32(SHARED_RING.reqProd);
    frontend.ringMemory.writeUint32(SHARED_RING.reqProd, (now + far) >>> 0);
  };

  return {
    get slots() {
      return slots;
    },
    step: () => {
      let did: HostileStep = "slots";
      putSlots();
      frontend.push();
      if (chance(10)) {
        scribble();
        did = "memory";
      } else if (chance(40)) {
        domain.grants.withdraw(toGrantRef(pick(frontend.references)));
        did = "grants";
      } else if (chance(200)) {
        corruptProducer();
        did = "indices";
      }
      domain.events.notify(frontend.port);
      return did;
    },
  };
};
