import { errnoName } from "@xenolith/xen-abi";
import { xenCr3ToPfn, xenPfnToCr3 } from "@xenolith/xen-abi/arch-x86";
import { address, i64, text, u64, ulong } from "@xenolith/xen-abi/fields";
import { nativeProtocol, protocolWidth } from "@xenolith/xen-abi/io/protocols";
import { parseXenbusState, XenbusState } from "@xenolith/xen-abi/io/xenbus";
import { START_INFO, startInfoMagic } from "@xenolith/xen-abi/start-info";
import { hypercallName, writeMulticallResult } from "@xenolith/xen-abi/xen";
import { describe, expect, it } from "vitest";

const view = (): DataView => new DataView(new ArrayBuffer(64));

describe("fields", () => {
  it("addresses are sign-extended on x86_64 and unsigned on x86_32", () => {
    const memory = view();
    memory.setBigUint64(0, 0xffff_ffff_8000_0000n, true);
    expect(address.read(memory, 0, "x86_64")).toBe(-0x8000_0000);
    expect(address.read(memory, 0, "x86_32p")).toBe(0x8000_0000);
    expect(i64.read(memory, 0, "x86_32p")).toBe(-0x8000_0000);
    address.write(memory, 8, "x86_64", -0x8000_0000_0000);
    expect(memory.getBigUint64(8, true)).toBe(0xffff_8000_0000_0000n);
  });

  it("longs and 64-bit counts are exact to 2^53", () => {
    const memory = view();
    for (const value of [0, 1, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      u64.write(memory, 0, "x86_32p", value);
      expect(u64.read(memory, 0, "x86_32p")).toBe(value);
      ulong.write(memory, 8, "x86_64", value);
      expect(ulong.read(memory, 8, "x86_64")).toBe(value);
    }
  });

  it("a text that is too long is cut before the NUL, and old bytes behind a short one vanish", () => {
    const memory = view();
    const four = text(4);
    four.write(memory, 0, "x86_32p", "abcdef");
    expect([0, 1, 2, 3].map((at) => memory.getUint8(at))).toEqual([0x61, 0x62, 0x63, 0]);
    four.write(memory, 0, "x86_32p", "z");
    expect([0, 1, 2, 3].map((at) => memory.getUint8(at))).toEqual([0x7a, 0, 0, 0]);
    expect(four.read(memory, 0, "x86_32p")).toBe("z");
  });

  it("a text without NUL ends with its field", () => {
    const memory = view();
    memory.setUint32(0, 0x41414141, true);
    memory.setUint32(4, 0x41414141, true);
    expect(text(4).read(memory, 0, "x86_32p")).toBe("AAAA");
  });
});

describe("small codecs", () => {
  it("start_info's magic names version and width", () => {
    expect(startInfoMagic("x86_32p")).toBe("xen-3.0-x86_32p");
    expect(START_INFO.layout.x86_64.cmdLine).toBe(128);
  });

  it("an extended CR3 is the frame number rotated: the machine address below 4 GiB", () => {
    expect(xenPfnToCr3(0x1234)).toBe(0x123_4000);
    expect(xenPfnToCr3(0x12_3456)).toBe(0x2345_6001);
    expect(xenCr3ToPfn(0x2345_6001)).toBe(0x12_3456);
  });

  it("a negative result of a multicall entry is sign-extended to the guest's width", () => {
    const memory = view();
    writeMulticallResult(memory, 0, "x86_64", -38);
    expect(memory.getBigInt64(8, true)).toBe(-38n);
    writeMulticallResult(memory, 0, "x86_32p", -38);
    expect(memory.getInt32(4, true)).toBe(-38);
  });

  it("a peer's state that is no state counts as unknown", () => {
    expect(parseXenbusState("4")).toBe(XenbusState.Connected);
    for (const bad of ["", "9", "-1", " 4", "04", "4\n", "Connected"]) expect(parseXenbusState(bad)).toBe(0);
  });

  it("protocol names say the layout of a ring; others say nothing", () => {
    expect(protocolWidth(nativeProtocol("x86_32"))).toBe("x86_32p");
    expect(protocolWidth(nativeProtocol("x86_64"))).toBe("x86_64");
    expect(protocolWidth("arm-abi")).toBeNull();
  });

  it("errors and hypercalls have names for people", () => {
    expect(errnoName(-22)).toBe("EINVAL");
    expect(errnoName(200)).toBe("errno 200");
    expect(hypercallName(26)).toBe("mmuext_op");
    expect(hypercallName(11)).toBe("hypercall 11");
    expect(hypercallName(99)).toBe("hypercall 99");
  });
});
