export { createMessageReader, encodeMessage, type MessageReader, type StoreMessage } from "./message.ts";
export { bytesToText, decodeStrings, encodeStrings, splitFirstString, textToBytes } from "./payload.ts";
