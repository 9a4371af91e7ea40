import { toGrantRef } from "@xenolith/xen-abi";
import { GNTMAP_host_map, GNTTAB_MAP_GRANT_REF } from "@xenolith/xen-abi/grant-table";
import { readMmuUpdate } from "@xenolith/xen-abi/xen";

// A copy of what a guest passed to mmu_update: { ptr = 0x12345008 | PRESERVE_AD, val = 0x80000000_00abc067 }.
const copied = new DataView(new ArrayBuffer(64));
copied.setBigUint64(0, 0x1234_500an, true);
copied.setBigUint64(8, 0x8000_0000_00ab_c067n, true);
const { command, address, value } = readMmuUpdate(copied, 0);
console.log(command, address.toString(16), value.high.toString(16), value.low.toString(16));

// One description gives the layout of every width.
const { layout } = GNTTAB_MAP_GRANT_REF;
console.log(`handle at ${layout.x86_32p.handle}, ${layout.x86_64.sizeBytes} bytes`);

// An operation answers by its OUT fields alone.
GNTTAB_MAP_GRANT_REF.update(copied, 0, "x86_32p", { status: 0, handle: 7 });
const request = GNTTAB_MAP_GRANT_REF.read(copied, 0, "x86_32p");
console.log(request.handle, request.ref === toGrantRef(0x80000000), GNTMAP_host_map);
