import { createStreamPair } from "@xenolith/backend-interface";
import type { Domain, MappedPages } from "@xenolith/domain-interface";
import type { AssembledHost } from "@xenolith/host/testing";
import { toNanoseconds } from "@xenolith/machine-interface";
import { createKernelExecutor, createStoreStream, defineKernel } from "@xenolith/typescript-kernel";
import type { DomId, Port } from "@xenolith/xen-abi";
import { XENCONS_INTERFACE } from "@xenolith/xen-abi/io/console";
import { XENSTORE_DOMAIN_INTERFACE } from "@xenolith/xen-abi/io/xs-wire";
import { type Draw, drawOdd } from "../draw.ts";
import { drawMessage } from "./draw-message.ts";
import type { Progress } from "./progress.ts";

const STEP_NS = 8_000;
const MESSAGES_PER_STEP = 6;
const INDICES = [
  XENSTORE_DOMAIN_INTERFACE.reqCons,
  XENSTORE_DOMAIN_INTERFACE.reqProd,
  XENSTORE_DOMAIN_INTERFACE.rspCons,
  XENSTORE_DOMAIN_INTERFACE.rspProd,
] as const;

/** A domain that sends xenstore messages with mistakes over its ring, and scribbles over that ring and its console. */
export interface StoreAttack {
  readonly id: DomId;
  readonly progress: Progress;
}

/** What the attack is made with. */
export interface StoreAttackOptions {
  readonly assembled: AssembledHost;
  readonly draw: Draw;
  readonly messages: number;
  readonly onFailure: (error: unknown) => void;
}

interface Pages {
  readonly store: MappedPages;
  readonly console: MappedPages;
  readonly storePort: Port;
  readonly consolePort: Port;
}

/** Creates the domain; its kernel starts the attack by itself. */
export const createStoreAttack = async (options: StoreAttackOptions): Promise<StoreAttack> => {
  const { assembled, draw } = options;
  const { host, xenstored } = assembled;
  let messages = 0;
  let violations = 0;
  let scribbles = 0;

  const attack = (domain: Domain, pages: Pages): void => {
    let stream = createStoreStream(pages.store, domain.events, pages.storePort);
    let rest = new Uint8Array(0);
    const into = new Uint8Array(1024);

    /** Starts again with an empty ring: the store serves the page anew, as it would for a toolstack. */
    const reconnect = (): void => {
      violations++;
      for (const at of INDICES) pages.store.writeUint32(at, 0);
      rest = new Uint8Array(0);
      stream = createStoreStream(pages.store, domain.events, pages.storePort);
      xenstored.introduce(domain.id, pages.storePort);
    };

    /** Writes a message as far as there is room, also in pieces. @returns whether it is on its way */
    const send = (): boolean => {
      if (rest.length === 0) {
        rest = drawMessage(draw).slice();
        messages++;
      }
      const piece = draw.chance(10) ? rest.subarray(0, 1 + draw.below(rest.length)) : rest;
      rest = rest.slice(stream.write(piece));
      return rest.length === 0;
    };

    const scribble = (): void => {
      scribbles++;
      if (draw.chance(3)) {
        const at = draw.chance(2) ? draw.pick(INDICES) : 4 * draw.below(520);
        pages.store.writeUint32(at, drawOdd(draw));
        domain.events.notify(pages.storePort);
      } else {
        const at = draw.chance(2) ? XENCONS_INTERFACE.inCons + 4 * draw.below(4) : 4 * draw.below(772);
        pages.console.writeUint32(at, drawOdd(draw));
        domain.events.notify(pages.consolePort);
      }
    };

    const step = (): void => {
      for (let left = MESSAGES_PER_STEP; left > 0 && send(); left--);
      // Answers are taken most of the time, so that there is room for more of them.
      if (!draw.chance(5)) while (stream.read(into) > 0);
      if (draw.chance(30)) scribble();
      if (stream.closed || pages.store.readUint32(XENSTORE_DOMAIN_INTERFACE.error) !== 0) {
        pages.store.writeUint32(XENSTORE_DOMAIN_INTERFACE.error, 0);
        reconnect();
      }
      if (messages < options.messages) domain.timers.at(toNanoseconds(domain.timers.now() + STEP_NS), step);
    };
    step();
  };

  const id = await host.toolstack.create({
    name: "store-attack",
    payload: {
      kind: "executor",
      make: ({ services, consoleFrame, storeFrame, consolePort, storePort, commandLine }) => {
        const pages: Pages = {
          store: services.mapOwnFrames([storeFrame]),
          console: services.mapOwnFrames([consoleFrame]),
          storePort,
          consolePort,
        };
        const kernel = defineKernel({
          name: "store attack",
          start: ({ domain }) => attack(domain, pages),
        });
        return createKernelExecutor({
          kernel,
          services,
          connect: () => ({ store: createStreamPair()[0], console: createStreamPair()[0] }),
          commandLine,
          onFailure: options.onFailure,
        });
      },
    },
    commandLine: "",
    memoryMiB: 1,
    vcpus: 1,
    disks: [],
    scheduling: {},
  });
  return {
    id,
    get progress() {
      return {
        what: "corrupted xenstore messages",
        done: messages,
        wanted: options.messages,
        details: { "connections lost": violations, "words scribbled over": scribbles },
      };
    },
  };
};
