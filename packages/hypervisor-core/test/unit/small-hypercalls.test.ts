import { CR0, CR4 } from "@xenolith/x86-architecture";
import {
  E2BIG,
  EACCES,
  EBUSY,
  EFAULT,
  EINVAL,
  ENODEV,
  ENOSYS,
  EOPNOTSUPP,
  EPERM,
  ESRCH,
} from "@xenolith/xen-abi";
import {
  __HYPERVISOR_dm_op,
  __HYPERVISOR_domctl,
  __HYPERVISOR_fpu_taskswitch,
  __HYPERVISOR_get_debugreg,
  __HYPERVISOR_hvm_op,
  __HYPERVISOR_physdev_op,
  __HYPERVISOR_physdev_op_compat,
  __HYPERVISOR_platform_op,
  __HYPERVISOR_set_debugreg,
  __HYPERVISOR_set_segment_base,
  __HYPERVISOR_sysctl,
  __HYPERVISOR_xenpmu_op,
} from "@xenolith/xen-abi/xen";
import { beforeEach, describe, expect, it } from "vitest";
import { act, fakeOperation } from "../support/fake-processor.ts";
import {
  ABSENT,
  ARGUMENT,
  createHypervisorFixture,
  type FixtureGuest,
} from "../support/hypervisor-fixture.ts";

let guest: FixtureGuest;
beforeEach(() => {
  guest = createHypervisorFixture().addGuest({ id: 1 });
});

describe("debug registers", () => {
  const set = (register: number, value: number): number =>
    guest.call(__HYPERVISOR_set_debugreg, register, value);
  const get = (register: number): number => guest.call(__HYPERVISOR_get_debugreg, register);

  it("hold addresses of the guest, not of the monitor", () => {
    expect(set(0, 0x1234)).toBe(0);
    expect(get(0)).toBe(0x1234);
    expect(set(3, 0xf580_0000)).toBe(-EPERM);
  });

  it("6 and 7 have fixed bits; 4 and 5 are their other names", () => {
    expect(set(6, 0)).toBe(0);
    expect(get(6) >>> 0).toBe(0xffff_0ff0);
    expect(set(7, 0)).toBe(0);
    expect(get(5)).toBe(0x400);
    expect(get(4) >>> 0).toBe(0xffff_0ff0);
  });

  it("the other names are gone with debugging extensions", () => {
    guest.vcpu.context.setRegister(0, CR4.de);
    guest.perform(
      act.privileged(fakeOperation({ mnemonic: "mov-to-cr", system: 4, register: 0, lengthBytes: 3 })),
    );
    expect(get(4)).toBe(-ENODEV);
    expect(set(5, 0)).toBe(-ENODEV);
  });

  it("7 neither guards the registers nor watches ports", () => {
    expect(set(7, 0x2000)).toBe(-EPERM);
    expect(set(7, 0x0002_0001)).toBe(-EPERM);
    expect(set(7, 0x0002_0000)).toBe(0);
  });

  it("there are eight", () => {
    expect(set(8, 0)).toBe(-ENODEV);
    expect(get(0xffff_ffff)).toBe(-ENODEV);
  });
});

describe("fpu_taskswitch", () => {
  it("sets and clears TS of the processor, and #NM clears it", () => {
    const ts = (): number => guest.vcpu.context.control(0) & CR0.ts;
    expect(guest.call(__HYPERVISOR_fpu_taskswitch, 1)).toBe(0);
    expect(ts()).toBe(CR0.ts);
    guest.call(__HYPERVISOR_fpu_taskswitch, 0);
    expect(ts()).toBe(0);
    guest.call(__HYPERVISOR_fpu_taskswitch, 1);
    guest.perform(act.fault(7));
    expect(ts()).toBe(0);
  });
});

describe("physdev_op", () => {
  it("sets the I/O privilege, up to 3", () => {
    guest.write(ARGUMENT, 1);
    expect(guest.call(__HYPERVISOR_physdev_op, 6, ARGUMENT)).toBe(0);
    guest.write(ARGUMENT, 4);
    expect(guest.call(__HYPERVISOR_physdev_op, 6, ARGUMENT)).toBe(-EINVAL);
    expect(guest.call(__HYPERVISOR_physdev_op, 6, ABSENT)).toBe(-EFAULT);
  });

  it("takes a bitmap of at most all ports", () => {
    guest.write(ARGUMENT, ARGUMENT, 0x1_0000);
    expect(guest.call(__HYPERVISOR_physdev_op, 7, ARGUMENT)).toBe(0);
    guest.write(ARGUMENT, ARGUMENT, 0x1_0001);
    expect(guest.call(__HYPERVISOR_physdev_op, 7, ARGUMENT)).toBe(-EINVAL);
  });

  it("has no devices", () => {
    guest.write(ARGUMENT, 0x7ff0, 0, 0, 0);
    expect(guest.call(__HYPERVISOR_physdev_op, 13, ARGUMENT)).toBe(-EPERM);
    expect(guest.call(__HYPERVISOR_physdev_op, 14, ARGUMENT)).toBe(-EPERM);
    guest.write(ARGUMENT, 99, 0, 0, 0);
    expect(guest.call(__HYPERVISOR_physdev_op, 13, ARGUMENT)).toBe(-ESRCH);
    expect(guest.call(__HYPERVISOR_physdev_op, 12, ARGUMENT)).toBe(-EINVAL);
    expect(guest.call(__HYPERVISOR_physdev_op, 8, ABSENT)).toBe(-EFAULT);
    expect(guest.call(__HYPERVISOR_physdev_op, 8, ARGUMENT)).toBe(-EPERM);
    expect(guest.call(__HYPERVISOR_physdev_op, 25, ABSENT)).toBe(-EPERM);
    expect(guest.call(__HYPERVISOR_physdev_op, 22, ARGUMENT)).toBe(-ENOSYS);
  });

  it("says what would have to be done about an interrupt, and the number of the next", () => {
    guest.write(ARGUMENT, 47, 0x55);
    expect(guest.call(__HYPERVISOR_physdev_op, 5, ARGUMENT)).toBe(0);
    expect(guest.read(ARGUMENT + 4)).toBe(1);
    guest.write(ARGUMENT, 48);
    expect(guest.call(__HYPERVISOR_physdev_op, 5, ARGUMENT)).toBe(-EINVAL);
    guest.write(ARGUMENT, 0, 0);
    expect(guest.call(__HYPERVISOR_physdev_op, 23, ARGUMENT)).toBe(0);
    expect(guest.read(ARGUMENT + 4)).toBe(47);
  });

  it("takes one page in which ends of interrupts are asked for", () => {
    guest.write(ARGUMENT, guest.root);
    expect(guest.call(__HYPERVISOR_physdev_op, 28, ARGUMENT)).toBe(-EINVAL);
    guest.write(ARGUMENT, guest.frames[28] ?? 0);
    expect(guest.call(__HYPERVISOR_physdev_op, 28, ARGUMENT)).toBe(0);
    expect(guest.call(__HYPERVISOR_physdev_op, 17, ARGUMENT)).toBe(-EBUSY);
  });

  it("has the command in front in its older form", () => {
    guest.write(ARGUMENT, 6, 2);
    expect(guest.call(__HYPERVISOR_physdev_op_compat, ARGUMENT)).toBe(0);
    guest.write(ARGUMENT, 6, 9);
    expect(guest.call(__HYPERVISOR_physdev_op_compat, ARGUMENT)).toBe(-EINVAL);
    expect(guest.call(__HYPERVISOR_physdev_op_compat, ABSENT)).toBe(-EFAULT);
  });
});

describe("calls that are not for guests", () => {
  it.each([
    ["domctl", __HYPERVISOR_domctl, 0x15],
    ["sysctl", __HYPERVISOR_sysctl, 0x15],
    ["platform_op", __HYPERVISOR_platform_op, 0x0300_0001],
  ])("%s looks at the interface version first", (_name, number, version) => {
    guest.write(ARGUMENT, 1, version, 1);
    expect(guest.call(number, ARGUMENT)).toBe(-EPERM);
    guest.write(ARGUMENT, 1, version + 1);
    expect(guest.call(number, ARGUMENT)).toBe(-EACCES);
    expect(guest.call(number, ABSENT)).toBe(-EFAULT);
  });

  it("a domctl looks for its domain before its caller", () => {
    guest.write(ARGUMENT, 5, 0x15, 99);
    expect(guest.call(__HYPERVISOR_domctl, ARGUMENT)).toBe(-ESRCH);
    guest.write(ARGUMENT, 5, 0x15, 1);
    expect(guest.call(__HYPERVISOR_domctl, ARGUMENT)).toBe(-EPERM);
  });

  it("are answered as a hypervisor without them answers", () => {
    expect(guest.call(__HYPERVISOR_hvm_op, 0, ARGUMENT)).toBe(-EINVAL);
    expect(guest.call(__HYPERVISOR_hvm_op, 0, ABSENT)).toBe(-EFAULT);
    expect(guest.call(__HYPERVISOR_hvm_op, 77)).toBe(-ENOSYS);
    expect(guest.call(__HYPERVISOR_dm_op, 0x7ff0, 0, 0)).toBe(-ESRCH);
    expect(guest.call(__HYPERVISOR_dm_op, 1, 0, 0)).toBe(-EPERM);
    expect(guest.call(__HYPERVISOR_dm_op, 1, 3, 0)).toBe(-E2BIG);
    expect(guest.call(__HYPERVISOR_dm_op, 1, 1, ABSENT)).toBe(-EFAULT);
    expect(guest.call(__HYPERVISOR_xenpmu_op, 0)).toBe(-EOPNOTSUPP);
    expect(guest.call(__HYPERVISOR_set_segment_base, 0, 0)).toBe(-ENOSYS);
  });
});
