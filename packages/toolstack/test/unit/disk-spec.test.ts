import { describe, expect, it } from "vitest";
import { ConfigError, parseDiskSpec, virtualDeviceNumber } from "../../src/index.ts";

describe("parseDiskSpec", () => {
  it.each([
    ["/a/b.img", { target: "/a/b.img", format: "raw", virtualDevice: null, writable: true }],
    ["file:disk.img", { target: "disk.img", format: "raw", virtualDevice: null, writable: true }],
    ["file:disk.img,xvdb,r", { target: "disk.img", virtualDevice: "xvdb", writable: false }],
    ["/a.qcow2,qcow2,hda,rw", { target: "/a.qcow2", format: "qcow2", virtualDevice: "hda", writable: true }],
    ["/a,,xvda,ro", { format: "raw", virtualDevice: "xvda", writable: false }],
    [
      "vdev=xvdc,access=ro,format=raw,target=/with,comma.img",
      { target: "/with,comma.img", virtualDevice: "xvdc", writable: false },
    ],
    ["/a,raw,xvda,rw,no-discard,direct-io-safe", { discard: false }],
    [",,hdc:cdrom,r", { target: null, cdrom: true, virtualDevice: "hdc", writable: false }],
  ])("reads %s", (spec, expected) => {
    expect(parseDiskSpec(spec)).toMatchObject(expected);
  });

  it.each([
    ["", "no target"],
    ["/a,zip", "unknown format 'zip'"],
    ["/a,raw,xvda,x", "access is"],
    ["/a,raw,xvda,rw,more", "'more' is left over"],
    ["/a,speed=9", "unknown key 'speed'"],
  ])("refuses %s", (spec, message) => {
    expect(() => parseDiskSpec(spec)).toThrow(ConfigError);
    expect(() => parseDiskSpec(spec)).toThrow(message);
  });
});

describe("virtualDeviceNumber", () => {
  it("follows the numbering of [XEN io/blkif.h]", () => {
    expect(
      ["xvda", "xvdb", "xvda1", "xvdp15", "xvdq", "hda", "hdb", "hdc1", "sdb2"].map(virtualDeviceNumber),
    ).toEqual([51_712, 51_728, 51_713, 51_967, 268_439_552, 768, 832, 5633, 2066]);
  });

  it("refuses what is no disk", () => {
    expect(() => virtualDeviceNumber("eth0")).toThrow("eth0: not the name of a virtual disk");
  });
});
