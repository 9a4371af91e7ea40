import type { Word64 } from "@xenolith/xen-abi";
import { VCPU_RUNSTATE_INFO, XEN_RUNSTATE_UPDATE_HIGH } from "@xenolith/xen-abi/vcpu";
import { VMASST_TYPE_runstate_update_flag } from "@xenolith/xen-abi/xen";
import { hasAssist } from "../domain.ts";
import type { RunControl } from "../run-control.ts";
import type { Vcpu } from "../vcpu.ts";

const TWO_32 = 0x1_0000_0000;

const wordOf = (value: number): Word64 => ({ low: value % TWO_32, high: Math.floor(value / TWO_32) });

/** A VCPU's runstate as the ABI shows it. [XEN vcpu.h] */
export const encodeRunstate = (vcpu: Vcpu, runControl: RunControl): DataView => {
  const { width } = vcpu.domain;
  const view = new DataView(new ArrayBuffer(VCPU_RUNSTATE_INFO.size(width)));
  VCPU_RUNSTATE_INFO.write(view, 0, width, {
    state: vcpu.runstate,
    stateEntryTime: wordOf(vcpu.runstateSince),
    time: runControl.runstateTimes(vcpu),
  });
  return view;
};

/**
 * Writes the registered area of a VCPU that is about to run, if there is one. With the assist runstate_update_flag, bit 63
 * of the entry time is set while the other fields change. An area that cannot be written is left alone.
 */
export const writeRunstateArea = (vcpu: Vcpu, runControl: RunControl): void => {
  if (vcpu.runstateArea === null) return;
  const { width } = vcpu.domain;
  const view = encodeRunstate(vcpu, runControl);
  if (!hasAssist(vcpu.domain, VMASST_TYPE_runstate_update_flag)) {
    vcpu.guestMemory.write(vcpu.runstateArea, view);
    return;
  }
  const high = VCPU_RUNSTATE_INFO.layout[width].stateEntryTime + 4;
  const entryTimeHigh = view.getUint32(high, true);
  view.setUint32(high, entryTimeHigh | XEN_RUNSTATE_UPDATE_HIGH, true);
  if (vcpu.guestMemory.write(vcpu.runstateArea, view))
    vcpu.guestMemory.writeUint32(vcpu.runstateArea + high, entryTimeHigh);
};
