import { SECTOR_BYTES } from "@xenolith/backend-interface";
import { createBlkfront } from "@xenolith/blkfront";
import { createMemoryStore } from "@xenolith/block-stores";
import { toDomId } from "@xenolith/xen-abi";
import { describe, expect, it } from "vitest";
import { createBlockHost, perform, XVDA } from "./block-host.ts";

describe("blkfront against blkback", () => {
  it("connects, reads what is on the disk and writes to it", () => {
    const { host, blkback, guest, writeDiskNodes, read } = createBlockHost();
    const store = createMemoryStore({ sectorCount: 1000, contents: new TextEncoder().encode("first bytes") });
    const { domain, store: guestStore } = guest(3);
    writeDiskNodes(3);
    blkback.attach({ frontendDomain: toDomId(3), frontendWidth: "x86_32p", device: XVDA, store });
    host.settle();
    expect(read(`/local/domain/0/backend/vbd/3/${XVDA}/state`)).toBe("2");
    const front = createBlkfront({ domain, store: guestStore, device: XVDA });
    host.settle();
    expect(front.state).toBe("connected");
    expect(front.sectorCount).toBe(1000);

    const into = new Uint8Array(SECTOR_BYTES);
    expect(perform(host, front, { kind: "read", sector512: 0, into })).toBe("ok");
    expect(new TextDecoder().decode(into.subarray(0, 11))).toBe("first bytes");
    const from = Uint8Array.from({ length: 300 * SECTOR_BYTES }, (_unused, index) => index * 7);
    expect(perform(host, front, { kind: "write", sector512: 5, from })).toBe("ok");
    const back = new Uint8Array(from.length);
    expect(perform(host, front, { kind: "read", sector512: 5, into: back })).toBe("ok");
    expect(back).toEqual(from);
    expect(perform(host, front, { kind: "flush" })).toBe("ok");
  });
});
