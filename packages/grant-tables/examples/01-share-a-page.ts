import { createGrantTables, type GrantHost } from "@xenolith/grant-tables";
import { toMfn } from "@xenolith/machine-interface";
import { toDomId, toGrantRef } from "@xenolith/xen-abi";

// A machine of 8 frames: 0-3 belong to domain 1, 4 and up are the hypervisor's. Nobody counts holds here.
const bytes = new Uint8Array(8 * 4096);
let shared = 4;
const host: GrantHost = {
  memory: { bytes, view: new DataView(bytes.buffer), written: () => {} },
  frames: {
    getPage: (frame, owner) => owner === 1 && frame < 4,
    getWritablePage: (frame, owner) => owner === 1 && frame < 4,
    putPage: () => {},
    putWritablePage: () => {},
    allocateShared: () => (shared < 8 ? toMfn(shared++) : null),
    isIdleShared: () => true,
    releaseShared: () => {},
    exists: (frame) => frame < 8,
    ownerOf: (frame) => toDomId(frame < 4 ? 1 : 0),
    steal: () => false,
    assign: () => false,
    discard: () => {},
    setPhysicalNumber: () => {},
  },
  pageTables: { install: () => false, remove: () => false },
  flushFrame: () => {},
};

const grants = createGrantTables(host);
const [driver, guest] = [toDomId(0), toDomId(1)];
grants.addDomain(driver, { privileged: true });
grants.addDomain(guest, { privileged: false });

// The guest offers its frame 2 for writing; the driver, a TypeScript kernel, maps it.
const ref = grants.offer(guest, toMfn(2), driver, true);
if (ref < 0) throw new Error(`errno ${ref}`);
const pages = grants.mapPages(driver, guest, [toGrantRef(ref)], true);
if (typeof pages === "number") throw new Error(`status ${pages}`);
pages.copyIn(0, new TextEncoder().encode("hello"));
console.log(new TextDecoder().decode(bytes.subarray(2 * 4096, 2 * 4096 + 5)));

// In use, a grant cannot be taken back; after the release it can.
console.log(grants.uses());
console.log(grants.withdraw(guest, toGrantRef(ref)));
pages.release();
console.log(grants.withdraw(guest, toGrantRef(ref)), grants.uses().length);
