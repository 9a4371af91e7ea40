import { E2BIG, EFAULT, EINVAL, ENOSYS, EPERM } from "@xenolith/xen-abi";
import {
  __HYPERVISOR_console_io,
  __HYPERVISOR_vm_assist,
  __HYPERVISOR_xen_version,
} from "@xenolith/xen-abi/xen";
import { describe, expect, it } from "vitest";
import { ABSENT, ARGUMENT, createHypervisorFixture } from "../support/hypervisor-fixture.ts";

const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes).replace(/\0.*$/s, "");

describe("xen_version", () => {
  const guest = createHypervisorFixture().addGuest();
  const version = (command: number, argument = ARGUMENT): number =>
    guest.call(__HYPERVISOR_xen_version, command, argument);

  it("is 4.17", () => expect(version(0)).toBe(0x4_0011));

  it("writes its texts and nothing behind them", () => {
    guest.writeBytes(ARGUMENT, new Uint8Array(2048).fill(0xee));
    expect(version(3)).toBe(0);
    expect(text(guest.readBytes(ARGUMENT, 1024))).toBe("xen-3.0-x86_64 xen-3.0-x86_32p ");
    expect(guest.readBytes(ARGUMENT, 1024).includes(0xee)).toBe(false);
    expect(guest.readBytes(ARGUMENT + 1024, 1)[0]).toBe(0xee);
  });

  it("tells where the hypervisor begins", () => {
    expect(version(5)).toBe(0);
    expect(guest.read(ARGUMENT)).toBe(0xf580_0000);
  });

  it("has one submap of features", () => {
    guest.write(ARGUMENT, 0, 0);
    expect(version(6)).toBe(0);
    expect(guest.read(ARGUMENT + 4) & (1 << 5)).not.toBe(0);
    guest.write(ARGUMENT, 1);
    expect(version(6)).toBe(-EINVAL);
  });

  it("shows the assists among the features", () => {
    guest.call(__HYPERVISOR_vm_assist, 0, 3);
    guest.write(ARGUMENT, 0, 0);
    version(6);
    expect(guest.read(ARGUMENT + 4) & (1 << 4)).not.toBe(0);
    guest.call(__HYPERVISOR_vm_assist, 1, 3);
    version(6);
    expect(guest.read(ARGUMENT + 4) & (1 << 4)).toBe(0);
  });

  it("gives the page size only without an argument", () => {
    expect(version(7, 0)).toBe(4096);
    expect(version(7)).toBe(-EINVAL);
  });

  it("gives the domain's handle", () => {
    expect(version(8)).toBe(0);
    expect([...guest.readBytes(ARGUMENT, 3)]).toEqual([1, 2, 3]);
  });

  it("keeps the command line and the build from unprivileged domains", () => {
    expect(version(9)).toBe(0);
    expect(text(guest.readBytes(ARGUMENT, 9))).toBe("<denied>");
    expect(version(10)).toBe(-EPERM);
  });

  it("is -EFAULT where the answer cannot be written, -ENOSYS for what it does not know", () => {
    expect(version(1, ABSENT)).toBe(-EFAULT);
    expect(version(1, 0xf580_0000)).toBe(-EFAULT);
    expect(version(77)).toBe(-ENOSYS);
  });
});

describe("vm_assist", () => {
  const guest = createHypervisorFixture().addGuest();
  const assist = (command: number, type: number): number => guest.call(__HYPERVISOR_vm_assist, command, type);

  it("knows the assists of the guest's width and two commands", () => {
    for (const type of [0, 1, 2, 3, 4, 5]) expect(assist(0, type)).toBe(0);
    expect(assist(0, 32)).toBe(-EINVAL);
    expect(assist(0, 6)).toBe(-EINVAL);
    expect(assist(2, 0)).toBe(-ENOSYS);
  });
});

describe("console_io", () => {
  const fixture = createHypervisorFixture();
  const guest = fixture.addGuest({ id: 1 });
  const control = fixture.addGuest({ id: 0, privileged: true });

  it("takes what any domain writes, however long it is", () => {
    guest.writeBytes(ARGUMENT, new Uint8Array(4096).fill(65));
    expect(guest.call(__HYPERVISOR_console_io, 0, 4096, ARGUMENT)).toBe(0);
    expect(fixture.consoleOutput()).toBe("A".repeat(4096));
  });

  it("refuses what cannot be read, and a count that is negative", () => {
    expect(guest.call(__HYPERVISOR_console_io, 0, 4, ABSENT)).toBe(-EFAULT);
    expect(guest.call(__HYPERVISOR_console_io, 0, 0x7fff_ffff, ARGUMENT)).toBe(-EFAULT);
    expect(guest.call(__HYPERVISOR_console_io, 0, 0xffff_ffff, ARGUMENT)).toBe(-EFAULT);
    expect(guest.call(__HYPERVISOR_console_io, 1, 0xffff_ffff, ARGUMENT)).toBe(-EPERM);
    expect(control.call(__HYPERVISOR_console_io, 1, 0xffff_ffff, ARGUMENT)).toBe(-E2BIG);
  });

  it("gives input to a privileged domain only", () => {
    fixture.consoleInput = "yes";
    expect(guest.call(__HYPERVISOR_console_io, 1, 16, ARGUMENT)).toBe(-EPERM);
    expect(control.call(__HYPERVISOR_console_io, 1, 16, ARGUMENT)).toBe(3);
    expect(text(control.readBytes(ARGUMENT, 3))).toBe("yes");
  });
});

describe("a call without a handler", () => {
  it("is -ENOSYS", () => {
    const guest = createHypervisorFixture().addGuest();
    for (const number of [11, 27, 31, 38, 39, 49, 63, 64, 0xffff_ffff])
      expect(guest.call(number)).toBe(-ENOSYS);
  });
});
