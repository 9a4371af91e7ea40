import { createBlkfront } from "@xenolith/blkfront";
import { createMemoryStore } from "@xenolith/block-stores";
import { toDomId } from "@xenolith/xen-abi";
import { describe, expect, it } from "vitest";
import { createBlockHost, perform, XVDA } from "./block-host.ts";
import { connectLikeGrub } from "./grub-disk.ts";

const contents = Uint8Array.from({ length: 64 * 512 }, (_unused, index) => (index >> 9) + 1);

describe("a boot loader's disk", () => {
  it("is found, read a page at a time, and handed over to the kernel that is booted", () => {
    const { host, blkback, guest, writeDiskNodes } = createBlockHost();
    const { domain, store } = guest(7);
    writeDiskNodes(7);
    const device = blkback.attach({
      frontendDomain: toDomId(7),
      frontendWidth: "x86_32p",
      device: XVDA,
      store: createMemoryStore({ sectorCount: 64, contents }),
    });
    host.settle();

    for (let boots = 0; boots < 3; boots++) {
      const grub = connectLikeGrub(host, domain, store, XVDA);
      expect(grub.name).toBe("xen/xvda");
      expect(grub.open()).toEqual({ sectors: 64, sectorSize: 512 });
      expect(grub.read(10, 3)).toEqual(contents.subarray(5120, 6656));
      expect(grub.read(56, 8)).toEqual(contents.subarray(56 * 512));
      expect(grub.read(60, 8)).toBe(-1);
      grub.finish();
      expect(device.connected).toBe(false);
      expect(host.mappedGrants).toBe(0);

      const front = createBlkfront({ domain, store, device: XVDA });
      host.settle();
      expect(front.state).toBe("connected");
      const into = new Uint8Array(512);
      expect(perform(host, front, { kind: "read", sector512: 63, into })).toBe("ok");
      expect(into[0]).toBe(64);
      front.close();
      host.settle();
      expect(front.state).toBe("closed");
      // What a kernel that is restarted does: its toolstack begins the device anew.
      store.write(`device/vbd/${XVDA}/state`, "1");
      host.settle();
    }
    expect(device.stats.reads).toBe(3 * 3);
  });

  it("that is attached before the guest runs is never seen in a state that GRUB takes for ready", () => {
    const { host, blkback, guest, writeDiskNodes, read } = createBlockHost();
    guest(7);
    writeDiskNodes(7);
    const store = createMemoryStore({ sectorCount: 64 });
    blkback.attach({ frontendDomain: toDomId(7), frontendWidth: "x86_32p", device: XVDA, store });
    host.settle();
    expect(read(`/local/domain/0/backend/vbd/7/${XVDA}/state`)).toBe("2");
  });
});
