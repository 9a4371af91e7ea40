import { GTF_reading, GTF_writing } from "@xenolith/xen-abi/grant-table";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createSetting, DOM0, DOM1, DOM2, heldFrames, type Setting } from "../fake-host.ts";
import { type Handles, operation } from "../operations.ts";

/** Holds of a frame that its grants in use account for. */
const expectedHolds = ({
  grants,
}: Setting): { readonly reads: Map<number, number>; readonly writes: Map<number, number> } => {
  const reads = new Map<number, number>();
  const writes = new Map<number, number>();
  for (const use of grants.uses()) {
    reads.set(use.frame, (reads.get(use.frame) ?? 0) + use.hostReads + use.deviceReads);
    writes.set(use.frame, (writes.get(use.frame) ?? 0) + use.hostWrites + use.deviceWrites);
  }
  return { reads, writes };
};

describe("laws of grant tables, after any sequence of operations", () => {
  it("each frame is held exactly as often as grants of it are in use, and each flag says what is in use", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200, size: "max" }), (operations) => {
        const setting = createSetting();
        const handles: Handles = new Map();
        for (const apply of operations) {
          apply(setting, handles);
          const { reads, writes } = expectedHolds(setting);
          const wrong = setting.machine.owners.flatMap((_owner, frame) =>
            setting.machine.reads[frame] === (reads.get(frame) ?? 0) &&
            setting.machine.writes[frame] === (writes.get(frame) ?? 0)
              ? []
              : [frame],
          );
          if (wrong.length > 0) expect(wrong, "frames held more or less often than used").toEqual([]);
        }
        const uses = setting.grants.uses();
        for (const granter of [DOM0, DOM1, DOM2]) {
          for (let ref = 0; ref < 12; ref++) {
            const use = uses.find((one) => one.granter === granter && one.ref === ref);
            const written = use !== undefined && use.hostWrites + use.deviceWrites > 0;
            expect(setting.shown(granter, ref)).toBe(
              (use === undefined ? 0 : GTF_reading) | (written ? GTF_writing : 0),
            );
          }
        }
      }),
    );
  });

  it("a mapping never leads to a frame that the granter does not own, nor for writing to a page table", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200, size: "max" }), (operations) => {
        const setting = createSetting();
        setting.machine.pageTableFrames.add(20).add(31);
        const handles: Handles = new Map();
        for (const apply of operations) apply(setting, handles);
        for (const use of setting.grants.uses()) {
          expect(setting.machine.owners[use.frame]).toBe(use.granter);
          if (setting.machine.pageTableFrames.has(use.frame))
            expect(use.hostWrites + use.deviceWrites).toBe(0);
        }
      }),
    );
  });

  it("when all domains have died and their page tables are gone, nothing is held", () => {
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 200, size: "max" }),
        fc.shuffledSubarray([DOM0, DOM1, DOM2], { minLength: 3 }),
        (operations, order) => {
          const setting = createSetting();
          const { machine, grants } = setting;
          const handles: Handles = new Map();
          for (const apply of operations) apply(setting, handles);
          for (const domain of order) {
            grants.releaseMappings(domain);
            for (const [key, entry] of machine.entries) {
              if (!key.startsWith(`${domain} `)) continue;
              machine.entries.delete(key);
              if (entry.writable) machine.frames.putWritablePage(entry.frame);
              else machine.frames.putPage(entry.frame);
            }
          }
          expect(heldFrames(setting)).toEqual([]);
          expect(grants.uses()).toEqual([]);
          for (const domain of order) grants.removeDomain(domain);
          expect(machine.owners.slice(40).every((owner) => owner === -1)).toBe(true);
        },
      ),
    );
  });
});
