import { readKernelImage } from "@xenolith/domain-builder";

// What would become of a file if it were started as a guest? A shell script, for instance:
const script = new TextEncoder().encode("#!/bin/sh\necho this is no kernel\n");
const image = readKernelImage(script);

if (image.kind === "problem") console.log(`cannot start it: ${image.message}`);
else console.log(`${image.guestOs}, ${image.width}, entry 0x${image.entry.toString(16)}`);
