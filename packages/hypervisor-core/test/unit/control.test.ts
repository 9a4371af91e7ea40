import {
  EXIT,
  type Executor,
  type Exit,
  HostError,
  type Nanoseconds,
  toMfn,
} from "@xenolith/machine-interface";
import { REGISTER, SEGMENT } from "@xenolith/x86-architecture";
import {
  EBUSY,
  EEXIST,
  EINVAL,
  ENOMEM,
  ESRCH,
  toDomId,
  toGrantRef,
  toPort,
  toVcpuIndex,
} from "@xenolith/xen-abi";
import { FLAT_RING3_CS64, FLAT_RING3_SS64 } from "@xenolith/xen-abi/arch-x86";
import { describe, expect, it } from "vitest";
import { act } from "../support/fake-processor.ts";
import { createHypervisorFixture } from "../support/hypervisor-fixture.ts";

const FIRST = toVcpuIndex(0);
const UUID = new Uint8Array(16);
const OPTIONS = {
  id: null,
  width: "x86_32p",
  vcpus: 1,
  maximumPages: 16,
  privileged: false,
  scheduling: {},
  uuid: UUID,
} as const;
const START = { instructionPointer: 0, stackPointer: 0, startInfo: 0 };

/** An executor that does one thing after the other and then halts. */
const executor = (...runs: ((budget: number) => Partial<Exit>)[]): Executor & { budgets: number[] } => ({
  budgets: [],
  run(budget) {
    this.budgets.push(budget);
    const halt: Exit = { kind: EXIT.halt, retired: 0, vector: 0, errorCode: -1, address: 0, software: false };
    return { ...halt, ...runs.shift()?.(budget) };
  },
});

describe("create", () => {
  const { control } = createHypervisorFixture().hypervisor;

  it("gives identifiers in order and keeps those that were asked for", () => {
    expect(control.create(OPTIONS)).toBe(0);
    expect(control.create({ ...OPTIONS, id: toDomId(7) })).toBe(7);
    expect(control.create({ ...OPTIONS, id: toDomId(7) })).toBe(-EEXIST);
    expect(control.create(OPTIONS)).toBe(8);
  });

  it("does not use an identifier again soon", () => {
    expect(control.destroy(toDomId(8))).toBe(0);
    expect(control.create(OPTIONS)).toBe(9);
  });

  it.each([
    ["an identifier that is reserved", { id: toDomId(0x7ff0) }],
    ["no VCPU", { vcpus: 0 }],
    ["more VCPUs than shared_info has room for", { vcpus: 33 }],
    ["half a page", { maximumPages: 0.5 }],
    ["a short handle", { uuid: new Uint8Array(3) }],
  ])("refuses %s", (_what, given) => {
    expect(control.create({ ...OPTIONS, ...given })).toBe(-EINVAL);
  });

  it("leaves nothing behind when the machine's memory is used up", () => {
    const { hypervisor } = createHypervisorFixture();
    const hog = hypervisor.control.create({ ...OPTIONS, maximumPages: 5000 });
    const free = hypervisor.frames.freeFrames;
    expect(hypervisor.control.allocateFrames(toDomId(hog), free - 1)).toHaveLength(free - 1);
    expect(hypervisor.control.create(OPTIONS)).toBe(-ENOMEM);
    expect(hypervisor.frames.freeFrames).toBe(1);
    expect(hypervisor.control.list()).toHaveLength(1);
    expect(hypervisor.frames.checkInvariants()).toEqual([]);
  });
});

describe("a domain's life", () => {
  it("is told to listeners, who may act on it", () => {
    const fixture = createHypervisorFixture();
    const { control } = fixture.hypervisor;
    const seen: string[] = [];
    const stop = control.onChange((domain, change) => {
      seen.push(`${domain} ${change}`);
      if (change === "shutdown") control.destroy(domain);
    });
    const guest = fixture.addGuest({ id: 3 });
    control.pause(guest.id);
    control.unpause(guest.id);
    control.shutdown(guest.id, "poweroff");
    expect(seen).toEqual(["3 created", "3 unpaused", "3 paused", "3 unpaused", "3 shutdown", "3 destroyed"]);
    stop();
    fixture.addDomain();
    expect(seen).toHaveLength(6);
  });

  it("is paused as often as it was paused", () => {
    const fixture = createHypervisorFixture();
    const { control } = fixture.hypervisor;
    const { id } = fixture.addGuest();
    control.pause(id);
    control.pause(id);
    control.unpause(id);
    expect(control.describe(id)?.state).toBe("paused");
    control.unpause(id);
    expect(control.describe(id)?.state).toBe("runnable");
    expect(control.unpause(id)).toBe(-EINVAL);
  });

  it("ends with everything given back", () => {
    const fixture = createHypervisorFixture();
    const { control } = fixture.hypervisor;
    const before = fixture.hypervisor.frames.freeFrames;
    const guest = fixture.addGuest();
    expect(fixture.hypervisor.frames.freeFrames).toBeLessThan(before);
    expect(control.destroy(guest.id)).toBe(0);
    expect(fixture.hypervisor.frames.freeFrames).toBe(before);
    fixture.hypervisor.step({ workNs: 1, untilNs: 1 });
    expect(guest.vcpu.isReleased).toBe(true);
    expect(control.list()).toEqual([]);
    expect(control.destroy(guest.id)).toBe(-ESRCH);
  });

  it("lasts as long as somebody holds its pages", () => {
    const fixture = createHypervisorFixture();
    const { control, frames, step } = fixture.hypervisor;
    const before = frames.freeFrames;
    const guest = fixture.addGuest({ id: 1 });
    const pages = control.mapFrames(guest.id, [guest.frames[5] ?? toMfn(0)]);
    if (typeof pages === "number") throw new Error("mapFrames");
    control.destroy(guest.id);
    expect(control.describe(guest.id)?.state).toBe("dying");
    expect(control.create({ ...OPTIONS, id: guest.id })).toBe(-EEXIST);
    pages.release();
    step({ workNs: 1, untilNs: 1 });
    expect(control.describe(guest.id)).toBeNull();
    expect(frames.freeFrames).toBe(before);
  });

  it("ends a crash with the reason and the registers of that moment", () => {
    const fixture = createHypervisorFixture();
    const guest = fixture.addGuest({ id: 2 });
    guest.vcpu.context.setRegister(0, 0x1234_abcd);
    guest.perform(act.fault(13, 0x18));
    const end = fixture.hypervisor.control.describe(guest.id);
    expect(end?.crash?.reason).toContain("general protection fault (error code 18)");
    expect(end?.crash?.registers).toContain("eax 1234abcd");
    expect(fixture.hypervisor.control.dumpRegisters(guest.id, FIRST)).toBe(end?.crash?.registers);
  });
});

describe("executors", () => {
  it("a VCPU has one", () => {
    const fixture = createHypervisorFixture();
    const { control } = fixture.hypervisor;
    const id = fixture.addDomain();
    expect(control.setStartContext(id, FIRST, START)).toBe(0);
    expect(control.attachExecutor(id, FIRST, executor())).toBe(-EEXIST);
    const other = fixture.addDomain();
    expect(control.attachExecutor(other, FIRST, executor())).toBe(0);
    expect(control.setStartContext(other, FIRST, START)).toBe(-EEXIST);
    expect(control.attachExecutor(other, toVcpuIndex(4), executor())).toBe(-EINVAL);
  });

  it("has to be there before the domain runs", () => {
    const fixture = createHypervisorFixture();
    const { control } = fixture.hypervisor;
    const id = fixture.addDomain();
    control.unpause(id);
    expect(control.attachExecutor(id, FIRST, executor())).toBe(-EBUSY);
  });

  it("of 64-bit guests start in 64-bit code of ring 3, without data segments", () => {
    const fixture = createHypervisorFixture();
    const id = fixture.addDomain({ width: "x86_64" });
    const start = { instructionPointer: -0x8000_0000, stackPointer: -0x1000, startInfo: -0x2000 };
    expect(fixture.hypervisor.control.setStartContext(id, FIRST, start)).toBe(0);
    const { context, options } = fixture.processor.vcpus[0] ?? expect.fail("no processor");
    expect(options.longMode).toBe(true);
    expect(context.instructionPointer).toBe(-0x8000_0000);
    expect(context.wideRegister(REGISTER.rsp)).toBe(0xffff_ffff_ffff_f000n);
    expect(context.wideRegister(REGISTER.rsi)).toBe(0xffff_ffff_ffff_e000n);
    const segments = [SEGMENT.cs, SEGMENT.ss, SEGMENT.ds].map((index) => context.segment(index).selector);
    expect(segments).toEqual([FLAT_RING3_CS64, FLAT_RING3_SS64, 0]);
  });

  it("written in TypeScript are charged what they say, and wake for events", () => {
    const fixture = createHypervisorFixture();
    const { control, step } = fixture.hypervisor;
    const id = fixture.addDomain();
    const services = control.inside(id);
    const port = services.allocateUnbound(id);
    const kernel = executor(
      () => ({ kind: EXIT.halt, retired: 700 }),
      () => {
        expect(services.takePending()).toEqual([port, port + 1]);
        return { kind: EXIT.halt, retired: 300 };
      },
    );
    control.attachExecutor(id, FIRST, kernel);
    control.unpause(id);
    expect(step({ workNs: 10_000, untilNs: 10_000 })).toEqual({ kind: "ran", isSteady: false });
    expect(step({ workNs: 10_000, untilNs: 10_000 })).toEqual({ kind: "idle", nextNs: null });
    expect(control.describe(id)).toMatchObject({ state: "blocked", cpuNs: 700, instructions: 0 });
    const other = services.bindInterdomain(id, toPort(port));
    services.send(toPort(other));
    step({ workNs: 10_000, untilNs: 10_000 });
    expect(control.describe(id)).toMatchObject({ state: "blocked", cpuNs: 1000 });
  });

  it("written in TypeScript wake for their timer", () => {
    const fixture = createHypervisorFixture();
    const { control, step } = fixture.hypervisor;
    const id = fixture.addDomain();
    const services = control.inside(id);
    let woken = 0;
    const kernel = executor(
      () => {
        services.setTimer(5_000 as Nanoseconds);
        return { retired: 10 };
      },
      () => {
        woken = services.now();
        services.shutdown("crash");
        return { retired: 10 };
      },
    );
    control.attachExecutor(id, FIRST, kernel);
    control.unpause(id);
    step({ workNs: 100_000, untilNs: 100_000 });
    expect(step({ workNs: 100_000, untilNs: 100_000 })).toEqual({ kind: "idle", nextNs: 5_000 });
    fixture.skipTo(5_000);
    expect(woken).toBe(5_000);
    expect(control.describe(id)?.crash).toEqual({
      reason: "a crash was reported",
      registers: `domain ${id} vcpu 0: no processor context`,
    });
  });
});

describe("services of a kernel", () => {
  it("are refused when its domain has ended, and hurt nobody", () => {
    const fixture = createHypervisorFixture();
    const { control } = fixture.hypervisor;
    const services = control.inside(fixture.addDomain());
    const [frame = toMfn(0)] = services.takeFrames(1) ?? [];
    control.destroy(services.id);
    expect(services.send(toPort(1))).toBe(-ESRCH);
    expect(services.takePending()).toEqual([]);
    expect(services.takeFrames(1)).toBeNull();
    expect(services.mapOwnFrames([frame]).lengthBytes).toBe(0);
    services.setTimer(5 as Nanoseconds);
    services.shutdown("crash");
    expect(control.list()).toEqual([]);
  });

  it("let go of what their kernel still maps of its own when its domain is destroyed", () => {
    const fixture = createHypervisorFixture();
    const { control } = fixture.hypervisor;
    const services = control.inside(fixture.addDomain());
    const frames = services.takeFrames(2) ?? [];
    const [early, late] = frames.map((frame) => services.mapOwnFrames([frame]));
    early?.release();
    late?.writeUint32(0, 99);
    control.destroy(services.id);
    expect(control.list()).toEqual([]);
    expect(late?.readUint32(0)).toBe(0);
  });

  it("take frames that were given back before, cleared", () => {
    const fixture = createHypervisorFixture();
    const { control } = fixture.hypervisor;
    const id = toDomId(control.create({ ...OPTIONS, maximumPages: 4 }));
    const services = control.inside(id);
    const frames = services.takeFrames(4) ?? [];
    expect(services.takeFrames(1)).toBeNull();
    const pages = services.mapOwnFrames(frames.slice(0, 1));
    pages.writeUint32(0, 99);
    pages.release();
    services.returnFrames(frames.slice(0, 1));
    const [again = toMfn(0)] = services.takeFrames(1) ?? [];
    expect(again).toBe(frames[0]);
    expect(services.mapOwnFrames([again]).readUint32(0)).toBe(0);
  });

  it("map no frame that is not their own: a mistake of the kernel's author", () => {
    const fixture = createHypervisorFixture();
    const id = fixture.addDomain();
    const { sharedInfoFrame, inside } = fixture.hypervisor.control;
    const other = sharedInfoFrame(fixture.addDomain());
    expect(() => inside(id).mapOwnFrames([other])).toThrow(HostError);
    expect(() => inside(toDomId(99))).toThrow(HostError);
  });

  it("grant a page that another kernel maps, until both let go", () => {
    const fixture = createHypervisorFixture();
    const { control } = fixture.hypervisor;
    const giver = control.inside(fixture.addDomain());
    const taker = control.inside(fixture.addDomain());
    const [frame = toMfn(0)] = giver.takeFrames(1) ?? [];
    const reference = toGrantRef(giver.grantFrame(frame, taker.id, true));
    const pages = taker.mapGrants(giver.id, [reference], true);
    if (typeof pages === "number") throw new Error(`mapGrants: ${pages}`);
    pages.writeUint32(8, 0xfeed);
    expect(giver.endGrant(reference)).toBe(false);
    expect(giver.mapOwnFrames([frame]).readUint32(8)).toBe(0xfeed);
    pages.release();
    expect(giver.endGrant(reference)).toBe(true);
  });
});

describe("scheduling parameters", () => {
  it("are those of the policy, and a refusal is a sentence", () => {
    const fixture = createHypervisorFixture();
    const { control } = fixture.hypervisor;
    const id = fixture.addDomain();
    expect(control.schedulingOf(id)).toEqual({ weight: 1 });
    expect(control.adjustScheduling(id, { weight: 5 })).toBeNull();
    expect(control.schedulingOf(id)).toEqual({ weight: 5 });
    expect(control.adjustScheduling(id, { weight: 0 })).toBe("weight has to be above 0");
    expect(control.adjustScheduling(toDomId(99), {})).toBe("there is no domain 99");
    expect(control.schedulingOf(toDomId(99))).toBeNull();
    expect(control.schedulingReport(id, FIRST)).toEqual({});
  });
});
