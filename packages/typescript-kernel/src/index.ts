export { defaultKernelCosts, type KernelCosts } from "./costs.ts";
export { createKernelExecutor, type KernelExecutor, type KernelWiring } from "./executor.ts";
export { defineKernel, type Kernel, type KernelContext } from "./kernel.ts";
export { createConsoleStream, createStoreStream } from "./ring-streams.ts";
