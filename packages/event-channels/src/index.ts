export { isGlobalVirq } from "./bind.ts";
export { createEventChannels } from "./create-event-channels.ts";
export { EVENT_CHANNEL_TRACE } from "./trace.ts";
export type {
  EventChannelOptions,
  EventChannels,
  EventDomainOptions,
  EventHost,
  PortStatus,
  SharedWords,
} from "./types.ts";
