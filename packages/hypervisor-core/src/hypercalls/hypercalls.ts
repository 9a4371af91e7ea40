import type { EventChannels } from "@xenolith/event-channels";
import type { GrantTables } from "@xenolith/grant-tables";
import type { Delivery } from "../delivery/delivery.ts";
import type { SwitchMode } from "../delivery/mode-switch.ts";
import type { MemoryManager } from "../memory-manager.ts";
import { createAlarmOp } from "./alarm-op.ts";
import type { InterruptionCheck } from "./call-state.ts";
import { createCallbackOp, createNmiOp, createSetCallbacks } from "./callback-op.ts";
import { createConsoleIo, type EmergencyConsole } from "./console-io.ts";
import { createGetDebugreg, createSetDebugreg } from "./debug-registers.ts";
import { createEventChannelOp, createEventChannelOpCompat } from "./event-channel-op.ts";
import { createFpuTaskswitch } from "./fpu-taskswitch.ts";
import { createGrantTableOp } from "./grant-table-op.ts";
import { createIret } from "./iret.ts";
import { createMulticall } from "./multicall.ts";
import { createPhysdevOp, createPhysdevOpCompat } from "./physdev-op.ts";
import { createRefusedHypercalls } from "./refused.ts";
import { createSchedOp, createSchedOpCompat, type SchedOpParts } from "./sched-op.ts";
import { createSetSegmentBase } from "./set-segment-base.ts";
import { createSetTimerOp } from "./set-timer-op.ts";
import { createSetTrapTable } from "./set-trap-table.ts";
import { createStackSwitch } from "./stack-switch.ts";
import { createHypercallTable, type HypercallTable } from "./table.ts";
import { createVcpuOp, type VcpuOpParts } from "./vcpu-op.ts";
import { createVmAssist } from "./vm-assist.ts";
import { createXenVersion } from "./xen-version.ts";

/** What all hypercalls together are made from. */
export interface HypercallParts extends SchedOpParts, VcpuOpParts {
  readonly memory: MemoryManager;
  readonly events: EventChannels;
  readonly grants: GrantTables;
  readonly delivery: Delivery;
  readonly switchMode: SwitchMode;
  readonly console: EmergencyConsole;
  readonly isInterrupted: InterruptionCheck;
}

/** Makes the table of all hypercalls. */
export const createHypercalls = (parts: HypercallParts): HypercallTable => {
  const table: HypercallTable = createHypercallTable([
    ...parts.memory.hypercalls,
    createSetTrapTable(),
    createStackSwitch(),
    createSetCallbacks(),
    createCallbackOp(),
    createNmiOp(),
    createFpuTaskswitch(),
    createSetDebugreg(),
    createGetDebugreg(),
    createIret({
      upcalls: parts.upcalls,
      delivery: parts.delivery,
      switchMode: parts.switchMode,
      crash: parts.shutdown.crash,
    }),
    createSetSegmentBase(),
    createMulticall({ table: () => table, isInterrupted: parts.isInterrupted }),
    createSchedOp(parts),
    createSchedOpCompat(parts),
    createSetTimerOp(parts.timers, parts.clock),
    createAlarmOp(parts),
    createVcpuOp(parts),
    createVmAssist(),
    createXenVersion(),
    createConsoleIo(parts.console),
    createEventChannelOp(parts.events),
    createEventChannelOpCompat(parts.events),
    createGrantTableOp(parts.grants),
    createPhysdevOp(parts),
    createPhysdevOpCompat(parts),
    ...createRefusedHypercalls(parts),
  ]);
  return table;
};
