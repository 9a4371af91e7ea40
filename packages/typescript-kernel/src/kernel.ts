import type { ByteStream } from "@xenolith/backend-interface";
import type { Domain } from "@xenolith/domain-interface";

/** What a kernel finds when it starts. */
export interface KernelContext {
  /** The domain it is the kernel of. */
  readonly domain: Domain;
  /** The domain's console. Bytes beyond what the ring holds are the kernel's to keep: see {@link ByteStream.write}. */
  readonly console: ByteStream;
  /** What was given to the domain as its command line. */
  readonly commandLine: string;
  /** Writes a line to the console; text that finds no room waits and is written in order. */
  print(line: string): void;
  /** Ends the domain. */
  shutdown(reason: "poweroff" | "reboot" | "crash"): void;
}

/**
 * A kernel written in TypeScript: an object that is started once and from then on only reacts, to events, timers and streams.
 * It is scheduled and charged like any other domain.
 */
export interface Kernel {
  readonly name: string;
  /** Called once, when the domain first runs. Whatever it throws ends the domain as a crash. */
  start(context: KernelContext): void;
}

/** Declares a kernel. Gives back what it is given, so that its type is checked where it is written. */
export const defineKernel = (kernel: Kernel): Kernel => kernel;
