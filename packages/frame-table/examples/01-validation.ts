import { createFrameTable, FRAME_TYPE } from "@xenolith/frame-table";
import { createEntropy, createMachineMemory } from "@xenolith/machine";
import { frameAddress, type Mfn, toMfn } from "@xenolith/machine-interface";
import { toDomId } from "@xenolith/xen-abi";

const memory = createMachineMemory({ ramBytes: 8 << 20, reserveBytes: 0 });
const frames = createFrameTable({
  memory,
  entropy: createEntropy(1),
  onFlush: () => {}, // here a TLB would forget a frame
  onTableChange: () => {},
});
const guest = toDomId(1);
frames.addDomain(guest, { width: "x86_32", maximumPages: 16 });
const [root, table, page] = frames.allocate(guest, 3) as [Mfn, Mfn, Mfn];

// The guest writes its tables while they are plain memory: slot 0 leads to a table, whose slot 5 maps a page writable.
memory.view.setUint32(frameAddress(root), frameAddress(table) + 7, true);
memory.view.setUint32(frameAddress(table) + 5 * 4, frameAddress(page) + 7, true);

console.log("pin", frames.pin(guest, root, 2)); // 0: all entries have been checked
console.log("page is writable", frames.typeOf(page) === FRAME_TYPE.writable);

const update = { domain: guest, mapped: guest };
const writable = { low: frameAddress(table) + 7, high: 0 };
const readOnly = { low: frameAddress(table) + 5, high: 0 };
console.log("map a table writable", frames.updateEntry(table, 6, writable, update)); // -16: EBUSY
console.log("map a table read-only", frames.updateEntry(table, 6, readOnly, update)); // 0
console.log(
  "map somebody else's frame",
  frames.updateEntry(table, 7, { low: (2 << 12) + 5, high: 0 }, update),
);
console.log("laws broken", frames.checkInvariants().length, "owner of frame 2:", frames.ownerOf(toMfn(2)));
