import {
  ATTRIBUTE,
  descriptorAttributes,
  descriptorBase,
  descriptorDpl,
  descriptorLimit,
} from "@xenolith/x86-architecture";

// A flat 4 GiB data segment for ring 1, as its two words stand in a GDT.
const low = 0x0000_ffff;
const high = 0x00cf_b300;

console.log(`base ${descriptorBase(low, high)}, limit 0x${descriptorLimit(low, high).toString(16)}`);
console.log(
  `ring ${descriptorDpl(high)}, writable ${(descriptorAttributes(high) & ATTRIBUTE.writable) !== 0}`,
);
