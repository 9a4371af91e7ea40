export { isGlobalVirq } from "./bind.ts";
export { RESET_UNFINISHED } from "./close.ts";
export { createEventChannels } from "./create-event-channels.ts";
export { EVENT_CHANNEL_TRACE } from "./trace.ts";
export type {
  EventChannelOptions,
  EventChannels,
  EventDomainOptions,
  EventHost,
  HeldPage,
  InitControlRequest,
  PortStatus,
  SharedWords,
} from "./types.ts";
