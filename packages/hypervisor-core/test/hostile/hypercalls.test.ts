import { createEntropy } from "@xenolith/machine";
import { NR_HYPERCALLS } from "@xenolith/xen-abi/xen";
import { describe, expect, it } from "vitest";
import { act, fakeOperation } from "../support/fake-processor.ts";
import {
  ABSENT,
  ARGUMENT,
  createHypervisorFixture,
  type FixtureGuest,
  MAPPED_PAGES,
  OTHER,
} from "../support/hypervisor-fixture.ts";

/** Calls of one run; more, or others, are asked for by FUZZ_STEPS and FUZZ_SEED. */
const STEPS = Number(process.env["FUZZ_STEPS"] ?? 4_000);
const SEED = Number(process.env["FUZZ_SEED"] ?? 17);

const PRIVILEGED = [
  "in",
  "ins",
  "outs",
  "mov-to-cr",
  "mov-from-cr",
  "mov-to-dr",
  "wrmsr",
  "rdmsr",
  "cpuid",
  "iret",
] as const;
const VICTIM_WORDS = 256;

describe("hypercalls, faults and privileged instructions of a hostile guest", () => {
  it(`never throw, and change nothing of another's, in ${STEPS} random ones (seed ${SEED})`, () => {
    const fixture = createHypervisorFixture();
    const { hypervisor } = fixture;
    const entropy = createEntropy(SEED);
    const victim = fixture.addGuest({ id: 9 });
    const secret = Array.from({ length: VICTIM_WORDS }, () => entropy.next32());
    victim.write(5 * 4096, ...secret);
    hypervisor.control.pause(victim.id);

    const pick = <Value>(...values: readonly Value[]): Value => {
      const chosen = values[entropy.below(values.length)];
      if (chosen === undefined) throw new Error("nothing to pick from");
      return chosen;
    };
    const someNumber = (guest: FixtureGuest): number => {
      switch (entropy.below(8)) {
        case 0:
          return entropy.next32();
        case 1:
          return entropy.below(40);
        case 2:
          return pick(0x7ff0, 0x7ff1, 0x7ff2, 9, guest.id, guest.id | (9 << 16), 0x7ff0 | (9 << 16));
        case 3:
          return pick(...guest.frames, guest.root, victim.root, victim.frames[5] ?? 0);
        case 4:
          return pick(0xf580_0000, 0xffff_ffff, 0xf57f_fffc, ABSENT, ABSENT - 4, 0x8000_0000);
        case 5:
          return entropy.below(MAPPED_PAGES) * 4096 + 4 * entropy.below(1024);
        case 6:
          return pick(0xe019, 0xe021, 0xe02b, 0xe033, 0xe018, 0, 7, 0x0f);
        default:
          return pick(ARGUMENT, OTHER);
      }
    };

    const fresh = (): FixtureGuest => fixture.addGuest({ vcpus: 2 });
    let guest = fresh();
    let lives = 1;
    let answered = 0;

    const attack = (): void => {
      guest.write(ARGUMENT, ...Array.from({ length: 32 }, () => someNumber(guest)));
      guest.write(OTHER, ...Array.from({ length: 16 }, () => someNumber(guest)));
      const kind = entropy.below(20);
      if (kind === 0) guest.perform(act.fault(entropy.below(32), entropy.below(0x1_0000), someNumber(guest)));
      else if (kind === 1) guest.perform(act.int(entropy.below(256)));
      else if (kind === 2) {
        const operation = fakeOperation({
          mnemonic: pick(...PRIVILEGED),
          system: entropy.below(16),
          register: entropy.below(8),
          sizeBytes: pick(1, 2, 4),
          repeat: entropy.below(2) === 0,
        });
        for (let index = 0; index < 8; index++) guest.vcpu.context.setRegister(index, someNumber(guest));
        guest.perform(act.privileged(operation));
      } else {
        const number = entropy.below(NR_HYPERCALLS);
        const args = Array.from({ length: 6 }, () => someNumber(guest));
        if (guest.call(number, ...args) >= 0) answered++;
      }
    };

    for (let step = 0; step < STEPS; step++) {
      attack();
      const state = hypervisor.control.describe(guest.id)?.state;
      if (state === "shutdown" || state === "blocked" || state === undefined) {
        hypervisor.control.destroy(guest.id);
        guest = fresh();
        lives++;
      }
      if (step % 500 === 0) expect(hypervisor.frames.checkInvariants()).toEqual([]);
    }
    expect(answered).toBeGreaterThan(STEPS / 50);
    expect(lives).toBeGreaterThan(1);
    expect(Array.from({ length: VICTIM_WORDS }, (_, index) => victim.read(5 * 4096 + 4 * index))).toEqual(
      secret,
    );
    expect(hypervisor.control.describe(victim.id)?.state).toBe("paused");
    hypervisor.control.destroy(guest.id);
    expect(hypervisor.control.list().map(({ id }) => id)).toEqual([victim.id]);
    expect(hypervisor.frames.checkInvariants()).toEqual([]);
  });
});
