import type { AttackOperation } from "./build.ts";
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

/** Every sub-operation of the interface, with what each may answer to an unprivileged 32-bit domain. */
export const allOperations: readonly AttackOperation[] = [
  ...mmuUpdateOperations,
  ...mmuextOperations,
  ...vaMappingOperations,
  ...descriptorOperations,
  ...memoryOperations,
  ...eventChannelOperations,
  ...grantTableOperations,
  ...schedulingOperations,
  ...vcpuOperations,
  ...callbackOperations,
  ...processorStateOperations,
  ...versionOperations,
  ...multicallOperations,
  ...controlOperations,
];
