import { type Mfn, PAGE_SIZE } from "@xenolith/machine-interface";
import {
  GNTTAB_SET_VERSION,
  GNTTAB_SETUP_TABLE,
  GNTTABOP_set_version,
  GNTTABOP_setup_table,
} from "@xenolith/xen-abi/grant-table";
import {
  __HYPERVISOR_grant_table_op,
  __HYPERVISOR_mmuext_op,
  __HYPERVISOR_set_trap_table,
  DOMID_SELF,
  MMU_NORMAL_PT_UPDATE,
  MMUEXT_OP,
  MMUEXT_TLB_FLUSH_ALL,
} from "@xenolith/xen-abi/xen";
import { call } from "../calls/build.ts";
import type { Call } from "../calls/call.ts";
import type { ChosenCall } from "../calls/choose.ts";
import { setCallbacks, trapTable } from "../calls/operations/callbacks.ts";
import { mmuUpdate } from "../calls/operations/mmu-update.ts";
import { AT, MEMORY_PAGES, PLAYGROUND_PAGE } from "./layout.ts";
import { NO_ENTRY, pageEntry, type World } from "./world.ts";

/** Frames that an attacker's grant table gets. */
const GRANT_FRAMES = 4;

/** Gives up the builder's mappings of the playground and of the guard page, and maps shared_info. */
const arrangeMemory = (world: World, sharedInfo: Mfn): Call => {
  const unmap = (address: number) => ({
    command: MMU_NORMAL_PT_UPDATE,
    address: world.entryAddress(address),
    value: NO_ENTRY,
  });
  const playground = Array.from({ length: MEMORY_PAGES - PLAYGROUND_PAGE }, (_, index) =>
    unmap(AT.playground + index * PAGE_SIZE),
  );
  const alias = { ...unmap(AT.sharedInfo), value: pageEntry(sharedInfo, true) };
  return mmuUpdate(world, [unmap(AT.guard), alias, ...playground]);
};

/** What an attacker does before the attack: handlers, memory, grant table. `onGrantFrames` gets the frames of the table. */
export const preparationsOf = (
  world: World,
  sharedInfo: Mfn,
  onGrantFrames: (frames: Mfn[]) => void,
): readonly ChosenCall[] => {
  world.arena.clear();
  const frameList = world.arena.putLongs(Array.from({ length: GRANT_FRAMES }, () => 0));
  const setup = world.arena.putStruct(GNTTAB_SETUP_TABLE, {
    dom: DOMID_SELF,
    nrFrames: GRANT_FRAMES,
    status: 77,
    frameList,
  });
  const version = world.arena.putStruct(GNTTAB_SET_VERSION, { version: 1 + world.draw.below(2) });
  const flush = world.arena.putStruct(MMUEXT_OP, { command: MMUEXT_TLB_FLUSH_ALL, arg1: 0, arg2: 0 });
  const calls: readonly Call[] = [
    call(__HYPERVISOR_set_trap_table, trapTable(world)),
    setCallbacks(world),
    {
      ...call(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, setup, 1),
      after: () =>
        onGrantFrames(
          Array.from({ length: GRANT_FRAMES }, (_, index) => world.arena.readLong(frameList, index) as Mfn),
        ),
    },
    call(__HYPERVISOR_grant_table_op, GNTTABOP_set_version, version, 1),
    arrangeMemory(world, sharedInfo),
    call(__HYPERVISOR_mmuext_op, flush, 1, 0, DOMID_SELF),
  ];
  return calls.map((made) => ({ call: made, operation: null }));
};
