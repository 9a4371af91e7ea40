import { type Clock, frameAddress, type MachineMemory } from "@xenolith/machine-interface";
import { SHARED_INFO } from "@xenolith/xen-abi/shared-info";
import type { Domain } from "../domain.ts";

const TWO_32 = 0x1_0000_0000;

/** Writes into shared_info what wall-clock time it was at system time 0. The version is odd while it changes. [XEN xen.h] */
export const writeWallClock = (memory: MachineMemory, clock: Clock, domain: Domain): void => {
  const { wcVersion, wcSec, wcNsec, wcSecHi } = SHARED_INFO[domain.width];
  const base = frameAddress(domain.sharedInfoFrame);
  const { view } = memory;
  const { seconds, nanoseconds } = clock.epoch;
  const version = view.getUint32(base + wcVersion, true);
  view.setUint32(base + wcSec, seconds % TWO_32, true);
  view.setUint32(base + wcSecHi, Math.floor(seconds / TWO_32), true);
  view.setUint32(base + wcNsec, nanoseconds, true);
  view.setUint32(base + wcVersion, ((version & ~1) + 2) >>> 0, true);
  memory.written(domain.sharedInfoFrame, wcVersion, wcSecHi + 4 - wcVersion);
};
