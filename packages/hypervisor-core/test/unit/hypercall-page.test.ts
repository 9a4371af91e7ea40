import { HYPERCALL_STUB_BYTES } from "@xenolith/xen-abi/xen";
import { expect, it } from "vitest";
import { hypercallPage } from "../../src/hypercalls/hypercall-page.ts";

const stub = (width: "x86_32p" | "x86_64", number: number): string =>
  Array.from(
    hypercallPage(width).subarray(number * HYPERCALL_STUB_BYTES, (number + 1) * HYPERCALL_STUB_BYTES),
    (byte) => byte.toString(16).padStart(2, "0"),
  )
    .join(" ")
    .replace(/( cc)+$/, "");

it("has a stub for each number: mov, int $0x82, ret", () => {
  expect(stub("x86_32p", 29)).toBe("b8 1d 00 00 00 cd 82 c3");
});

it("has no way back from iret, and leaves EAX on the stack", () => {
  expect(stub("x86_32p", 23)).toBe("50 b8 17 00 00 00 cd 82");
});

it("keeps RCX and R11 over SYSCALL", () => {
  expect(stub("x86_64", 29)).toBe("51 41 53 b8 1d 00 00 00 0f 05 41 5b 59 c3");
  expect(stub("x86_64", 23)).toBe("51 41 53 50 b8 17 00 00 00 0f 05");
});

it("is int3 elsewhere", () => {
  expect(hypercallPage("x86_32p").at(-1)).toBe(0xcc);
});
