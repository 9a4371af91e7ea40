import { createMemoryStore } from "@xenolith/block-stores";
import type { Host, Terminal } from "@xenolith/host";
import { pebbleImage } from "@xenolith/pebble";
import type { DomainConfig } from "@xenolith/toolstack";
import type { DomId } from "@xenolith/xen-abi";

const SECTORS = 512;
const PROMPT = "pebble> ";

/** A domain that works on its disk and prints what it finds, one command at a time. */
export interface Bystander {
  readonly id: DomId;
  /** What it has printed so far, without what depends on time. */
  output(): string;
  /** Commands it has finished. */
  readonly finished: number;
  /** Whether it has done all that it was told. */
  readonly isDone: boolean;
  /** Lets it begin commands up to this many, of all that it is told. */
  allow(commands: number): void;
  /** Bytes of its disk. */
  disk(): Promise<Uint8Array>;
}

/** Commands for a bystander: each line tells something about processor, disk or both. */
export const bystanderScript = (rounds: number): readonly string[] => [
  ...Array.from({ length: rounds }, (_, round) => [
    `write ${round % SECTORS} round ${round} of the bystander`,
    `read ${round % SECTORS}`,
    "syscall 50",
    round % 8 === 7 ? "sum" : "spin 1",
  ]).flat(),
  "sum",
];

/** Figures that depend on when something ran. */
const withoutTime = (text: string): string =>
  text.replace(/\d+(\.\d+)? ?(ns|ms|s)\b/g, "TIME").replace(/\d+(\.\d+)? (ns|us) per/g, "TIME per");

const config = (name: string, commandLine: string, disks: DomainConfig["disks"]): DomainConfig => ({
  name,
  payload: { kind: "image", kernel: pebbleImage(), ramdisk: null },
  commandLine,
  memoryMiB: 4,
  vcpus: 1,
  disks,
  scheduling: {},
});

/** Creates the bystander with a disk of known contents. It begins a command once it is allowed to. */
export const createBystander = async (
  host: Host,
  name: string,
  script: readonly string[],
): Promise<Bystander> => {
  const store = createMemoryStore({ sectorCount: SECTORS });
  const disk = { store, virtualDevice: "xvda", writable: true, cdrom: false, description: "memory" };
  const id = await host.toolstack.create(config(name, `quiet name=${name}`, [disk]), { paused: true });
  const terminal: Terminal = host.terminal(id);
  const decoder = new TextDecoder();
  let text = "";
  let searched = 0;
  let finished = -1;
  let begun = 0;
  let allowed = 0;

  /** Types the next command when the prompt for it is there. */
  const goOn = (): void => {
    if (begun > finished || begun >= allowed) return;
    const next = script[begun];
    if (next === undefined) return;
    begun++;
    terminal.type(new TextEncoder().encode(`${next}\n`));
  };
  terminal.onOutput((bytes) => {
    text += decoder.decode(bytes, { stream: true });
    for (let at = text.indexOf(PROMPT, searched); at >= 0; at = text.indexOf(PROMPT, searched)) {
      searched = at + PROMPT.length;
      finished++;
      goOn();
    }
  });
  host.control.unpause(id);
  return {
    id,
    output: () => withoutTime(text),
    get finished() {
      return Math.max(0, finished);
    },
    get isDone() {
      return finished >= script.length;
    },
    allow(commands) {
      allowed = Math.max(allowed, commands);
      goOn();
    },
    disk: () =>
      new Promise((resolve) => {
        const into = new Uint8Array(SECTORS * 512);
        store.submit({ kind: "read", sector512: 0, into }, () => resolve(into));
      }),
  };
};

/** Creates a domain that only prints a line every so many milliseconds. @returns its identifier and how many it printed in order */
export const createTicker = async (
  host: Host,
  name: string,
  periodMs: number,
): Promise<{ readonly id: DomId; readonly ticks: () => number }> => {
  const id = await host.toolstack.create(config(name, `quiet name=${name} tick=${periodMs}`, []), {
    paused: true,
  });
  const decoder = new TextDecoder();
  let text = "";
  let ticks = 0;
  host.terminal(id).onOutput((bytes) => {
    text += decoder.decode(bytes, { stream: true });
    for (;;) {
      const found = text.indexOf(`tick ${ticks + 1} at `);
      if (found < 0) break;
      ticks++;
      text = text.slice(found);
    }
  });
  host.control.unpause(id);
  return { id, ticks: () => ticks };
};
