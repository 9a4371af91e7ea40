import type { DomainPayload } from "@xenolith/toolstack";
import {
  createConsoleStream,
  createKernelExecutor,
  createStoreStream,
  type Kernel,
  type KernelCosts,
} from "@xenolith/typescript-kernel";

/** How a kernel is to be run. */
export interface KernelPayloadOptions {
  /** Told what the kernel threw. Its domain ends as a crash; nothing else does. */
  readonly onFailure: (error: unknown) => void;
  /** Modelled costs; where none are given, those of a small kernel. */
  readonly costs?: KernelCosts;
}

/**
 * What to create a domain with whose kernel is written in TypeScript: it gets its console and its xenstore connection over
 * the domain's own pages and ports, as a kernel in machine code does. One payload may start several domains; they share what
 * the kernel's `start` closes over.
 */
export const kernelPayload = (kernel: Kernel, options: KernelPayloadOptions): DomainPayload => ({
  kind: "executor",
  make: ({ services, consoleFrame, consolePort, storeFrame, storePort, commandLine }) =>
    createKernelExecutor({
      kernel,
      services,
      connect: (events) => ({
        console: createConsoleStream(services.mapOwnFrames([consoleFrame]), events, consolePort),
        store: createStoreStream(services.mapOwnFrames([storeFrame]), events, storePort),
      }),
      commandLine,
      ...options,
    }),
});
