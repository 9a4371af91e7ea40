import type { AttackerWidth } from "../attacker/layout.ts";
import type { AttackOperation } from "./build.ts";
import { alarmOperations } from "./operations/alarms.ts";
import { callbackOperations } from "./operations/callbacks.ts";
import { controlOperations } from "./operations/control.ts";
import { descriptorOperations } from "./operations/descriptors.ts";
import { eventChannelOperations } from "./operations/event-channels.ts";
import { grantTableOperations } from "./operations/grant-tables.ts";
import { memoryOperations } from "./operations/memory-op.ts";
import { mmuUpdateOperations } from "./operations/mmu-update.ts";
import { mmuextOperations } from "./operations/mmuext.ts";
import { multicallOperations } from "./operations/multicall.ts";
import { processorStateOperations } from "./operations/processor-state.ts";
import { schedulingOperations } from "./operations/scheduling.ts";
import { vaMappingOperations } from "./operations/va-mapping.ts";
import { vcpuOperations } from "./operations/vcpus.ts";
import { versionOperations } from "./operations/version.ts";

/** Every sub-operation of the interface, with what each may answer to an unprivileged domain of a width. */
const operationsFor = (isWide: boolean): readonly AttackOperation[] => [
  ...mmuUpdateOperations,
  ...mmuextOperations(isWide),
  ...vaMappingOperations,
  ...descriptorOperations,
  ...memoryOperations,
  ...eventChannelOperations,
  ...grantTableOperations,
  ...schedulingOperations,
  ...vcpuOperations,
  ...alarmOperations,
  ...callbackOperations(isWide),
  ...processorStateOperations(isWide),
  ...versionOperations,
  ...multicallOperations,
  ...controlOperations(isWide),
];

/** Sub-operations by width of the attacker. */
export const OPERATIONS: Readonly<Record<AttackerWidth, readonly AttackOperation[]>> = {
  x86_32p: operationsFor(false),
  x86_64: operationsFor(true),
};
