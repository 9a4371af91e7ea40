import { readFileSync } from "node:fs";
import type { GuestWidth } from "@xenolith/xen-abi";
import * as arch from "@xenolith/xen-abi/arch-x86";
import * as callback from "@xenolith/xen-abi/callback";
import * as elfnote from "@xenolith/xen-abi/elfnote";
import * as errno from "@xenolith/xen-abi/errno";
import * as event from "@xenolith/xen-abi/event-channel";
import * as features from "@xenolith/xen-abi/features";
import * as grant from "@xenolith/xen-abi/grant-table";
import * as blkif from "@xenolith/xen-abi/io/blkif";
import { XENCONS_INTERFACE } from "@xenolith/xen-abi/io/console";
import { ringSlotCount, SHARED_RING } from "@xenolith/xen-abi/io/ring";
import * as wire from "@xenolith/xen-abi/io/xs-wire";
import * as memory from "@xenolith/xen-abi/memory";
import * as nmi from "@xenolith/xen-abi/nmi";
import * as physdev from "@xenolith/xen-abi/physdev";
import * as sched from "@xenolith/xen-abi/sched";
import * as shared from "@xenolith/xen-abi/shared-info";
import * as start from "@xenolith/xen-abi/start-info";
import * as vcpu from "@xenolith/xen-abi/vcpu";
import * as version from "@xenolith/xen-abi/version";
import * as xen from "@xenolith/xen-abi/xen";
import { describe, expect, it } from "vitest";
import { STRUCTURES, STRUCTURES_32, STRUCTURES_64 } from "../structures.ts";

interface HeaderFacts {
  readonly layouts: Readonly<Record<"32" | "64", Readonly<Record<string, Readonly<Record<string, number>>>>>>;
  readonly constants: Readonly<Record<string, number>>;
}

/** What a C compiler makes of Xen's headers: see fixtures/generate-layouts.mjs. */
const facts: HeaderFacts = JSON.parse(
  readFileSync(new URL("../fixtures/xen-headers.json", import.meta.url), "utf8"),
);

const bitsOf = (width: GuestWidth): "32" | "64" => (width === "x86_64" ? "64" : "32");
const widths: readonly GuestWidth[] = ["x86_32", "x86_32p", "x86_64"];
const compiled = (width: GuestWidth, name: string): Readonly<Record<string, number>> => {
  const layout = facts.layouts[bitsOf(width)][name];
  if (layout === undefined) throw new Error(`no compiled layout of ${name}`);
  return layout;
};

describe("layouts equal the compiler's", () => {
  for (const width of widths) {
    const own = width === "x86_64" ? STRUCTURES_64 : STRUCTURES_32;
    for (const [name, structure] of Object.entries({ ...STRUCTURES, ...own })) {
      it(`struct ${name}, ${width}`, () => {
        expect(structure.layout[width]).toEqual(compiled(width, name));
      });
    }

    it(`struct shared_info, ${width}`, () => {
      expect(shared.SHARED_INFO[width]).toEqual(compiled(width, "shared_info"));
    });

    it(`unions and pages given as plain offsets, ${width}`, () => {
      expect(xen.MMU_UPDATE_BYTES).toBe(compiled(width, "mmu_update")["sizeBytes"]);
      expect(compiled(width, "mmu_update")).toMatchObject({ ptr: 0, val: 8 });
      expect(vcpu.VCPU_REGISTER_MEMORY_AREA_BYTES).toBe(
        compiled(width, "vcpu_register_runstate_memory_area")["sizeBytes"],
      );
      expect(event.EVTCHN_OP_COMPAT_ARGUMENT_OFFSET).toBe(compiled(width, "evtchn_op")["u"]);
      expect(physdev.PHYSDEV_OP_COMPAT_ARGUMENT_OFFSET[width]).toBe(compiled(width, "physdev_op")["u"]);
      expect(XENCONS_INTERFACE).toEqual(compiled(width, "xencons_interface"));
      expect(wire.XENSTORE_DOMAIN_INTERFACE).toEqual(compiled(width, "xenstore_domain_interface"));
      const { sizeBytes, ...ring } = compiled(width, "blkif_sring");
      expect(SHARED_RING).toEqual(ring);
      // The compiler's ring has one slot: the union of request and response.
      expect(blkif.BLKIF_SLOT_BYTES[width]).toBe((sizeBytes ?? 0) - SHARED_RING.slots);
    });
  }
});

describe("constants equal the headers'", () => {
  const ours: Record<string, unknown> = {
    ...arch,
    ...callback,
    ...elfnote,
    ...errno,
    ...event,
    ...features,
    ...grant,
    ...blkif,
    ...wire,
    ...memory,
    ...nmi,
    ...physdev,
    ...sched,
    ...shared,
    ...start,
    ...vcpu,
    ...version,
    ...xen,
  };

  it("every one that both have", () => {
    const shown = Object.fromEntries(Object.keys(facts.constants).map((name) => [name, ours[name]]));
    expect(shown).toEqual(facts.constants);
  });

  it("and that is most of them", () => {
    expect(Object.keys(facts.constants).length).toBeGreaterThan(400);
  });
});

describe("ring sizes", () => {
  it("a page holds 32 block requests of either width, and 256 slots of 12 bytes", () => {
    expect(ringSlotCount(4096, blkif.BLKIF_SLOT_BYTES.x86_32p)).toBe(32);
    expect(ringSlotCount(4096, blkif.BLKIF_SLOT_BYTES.x86_64)).toBe(32);
    expect(ringSlotCount(4096, 12)).toBe(256);
  });

  it("a ring too small for a slot has none", () => {
    expect(ringSlotCount(64, 8)).toBe(0);
    expect(ringSlotCount(0, 8)).toBe(0);
  });
});
