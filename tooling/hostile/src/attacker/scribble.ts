import { toPort } from "@xenolith/xen-abi";
import { EVTCHN_PORT, EVTCHNOP_send } from "@xenolith/xen-abi/event-channel";
import { __HYPERVISOR_event_channel_op } from "@xenolith/xen-abi/xen";
import { call } from "../calls/build.ts";
import type { Call } from "../calls/call.ts";
import { drawOdd } from "../draw.ts";
import type { Attacker } from "./attacker.ts";

const STORE_PORT = 1;
const CONSOLE_PORT = 2;
/** First word of the indices of the console page, which lies behind the store's page. */
const CONSOLE_INDICES = 4096 + 3072;
const STORE_INDICES = 2048;

/** Scribbles over the attacker's xenstore or console page, and tells the other end that something is there. */
export const scribble = ({ sharedPages, world }: Pick<Attacker, "sharedPages" | "world">): Call => {
  const { draw } = world;
  const isConsole = draw.chance(2);
  const indices = isConsole ? CONSOLE_INDICES : STORE_INDICES;
  for (let left = 1 + draw.below(6); left > 0; left--) {
    const at = draw.chance(2) ? indices + 4 * draw.below(7) : (isConsole ? 4096 : 0) + 4 * draw.below(1024);
    sharedPages.writeUint32(at, draw.chance(2) ? draw.below(3000) : drawOdd(draw));
  }
  const port = toPort(isConsole ? CONSOLE_PORT : STORE_PORT);
  return call(__HYPERVISOR_event_channel_op, EVTCHNOP_send, world.arena.putStruct(EVTCHN_PORT, { port }));
};
