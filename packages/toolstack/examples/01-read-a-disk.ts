import { parseDiskSpec, virtualDeviceNumber } from "@xenolith/toolstack";

// The grammar of disks in xl.cfg, and the number by which the guest's driver knows a disk.
const disk = parseDiskSpec("/srv/debian.img,raw,xvda,rw");
console.log(disk.target, disk.writable ? "read-write" : "read-only");
console.log(`device/vbd/${virtualDeviceNumber(disk.virtualDevice ?? "xvda")}`);
