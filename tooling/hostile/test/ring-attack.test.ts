import { createEntropy } from "@xenolith/machine";
import type { DomId } from "@xenolith/xen-abi";
import { XENSTORE_DOMAIN_INTERFACE } from "@xenolith/xen-abi/io/xs-wire";
import { describe, expect, it } from "vitest";
import { createFailures } from "../src/scene/failures.ts";
import { createScene, type Scene } from "../src/scene/scene.ts";
import { createRingAttack } from "../src/traffic/ring-slots.ts";

const SEED = 48;
const SLOTS = 3000;
const SLICE_NS = 1_000_000;
const MOST_SLICES = 2000;
/** Where a domain with a TypeScript kernel has its xenstore page, among its frames. */
const STORE_PAGE = 1;

/** Makes the indices of a domain's xenstore page impossible, as data from a disk does that lies over it. */
const spoilStore = ({ assembled: { host } }: Scene, domain: DomId): void => {
  const { reqProd, serverFeatures } = XENSTORE_DOMAIN_INTERFACE;
  const page = host.control.mapFrames(
    domain,
    [...host.control.framesOf(domain)].slice(STORE_PAGE, STORE_PAGE + 1),
  );
  if (typeof page === "number") throw new Error(`the page cannot be mapped (error ${page})`);
  expect(page.readUint32(serverFeatures)).not.toBe(0);
  page.writeUint32(reqProd, 0xdead_beef);
  page.release();
};

describe("the ring attack", () => {
  it("goes on in another domain when one has read over its own xenstore page", async () => {
    const failures = createFailures();
    const scene = createScene(SEED, failures);
    const { host, xenstored } = scene.assembled;
    const rings = await createRingAttack({
      scene,
      failures,
      entropy: createEntropy(SEED),
      slots: SLOTS,
      onFailure: (error) => failures.add(String(error)),
    });
    const first = rings.id;
    spoilStore(scene, first);
    for (let left = MOST_SLICES; rings.progress.done < SLOTS && left > 0; left--) {
      await host.run({ untilNs: host.clock.now() + SLICE_NS });
      await rings.attend();
    }
    expect(rings.progress.done).toBeGreaterThanOrEqual(SLOTS);
    expect(rings.id).not.toBe(first);
    expect(host.control.describe(first)).toBeNull();
    expect(xenstored.check()).toBeNull();
    expect(failures.all).toEqual([]);
  });
});
