import {
  XENSTORE_PAYLOAD_MAX,
  XS_DIRECTORY,
  XS_DIRECTORY_PART,
  XS_GET_PERMS,
  XS_MKDIR,
  XS_READ,
  XS_RM,
  XS_SET_PERMS,
  XS_WRITE,
} from "@xenolith/xen-abi/io/xs-wire";
import type { StoreCallback, StoreNodes, StoreResult } from "./types.ts";
import { bytesToText, decodeStrings, encodeStrings } from "./wire/payload.ts";

/** Sends one request within a transaction or outside. */
export type SendRequest = (
  type: number,
  payload: Uint8Array,
  done: (result: StoreResult<Uint8Array>) => void,
) => void;

/** Passes a result on with its value changed. */
export const mapResult = <From, To>(
  done: StoreCallback<To>,
  convert: (value: From) => To,
): StoreCallback<From> => {
  return (result) => done(result.ok ? { ok: true, value: convert(result.value) } : result);
};

const ignore = (): void => {};

/** Passes on whether it worked. */
export const acknowledge = (done: StoreCallback<void> | undefined): StoreCallback<Uint8Array> =>
  done === undefined ? ignore : mapResult(done, ignore);

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Fetches a list of children that is longer than one message, part by part; from the start when it changes meanwhile. */
const listInParts = (send: SendRequest, path: string, done: StoreCallback<string[]>): void => {
  let generation: string | null = null;
  let names: string[] = [];
  let offset = 0;
  const fetch = (): void => {
    send(XS_DIRECTORY_PART, encodeStrings([path, String(offset)]), (result) => {
      if (!result.ok) {
        done(result);
        return;
      }
      const [current = "", ...part] = bytesToText(result.value).split("\0").slice(0, -1);
      const changed = generation !== null && generation !== current;
      generation = current;
      if (changed) {
        names = [];
        offset = 0;
        fetch();
        return;
      }
      const complete = part.at(-1) === "" || part.length === 0;
      const whole = part.filter((name) => name !== "");
      names.push(...whole);
      offset += whole.reduce((sum, name) => sum + name.length + 1, 0);
      if (complete) done({ ok: true, value: names });
      else fetch();
    });
  };
  fetch();
};

/** Makes the operations on nodes over a way to send requests. */
export const createStoreNodes = (send: SendRequest): StoreNodes => {
  const sendChecked: SendRequest = (type, payload, done) => {
    if (payload.length > XENSTORE_PAYLOAD_MAX) done({ ok: false, error: "E2BIG" });
    else send(type, payload, done);
  };
  return {
    read: (path, done) =>
      sendChecked(
        XS_READ,
        encodeStrings([path]),
        mapResult(done, (bytes) => decoder.decode(bytes)),
      ),
    readBytes: (path, done) => sendChecked(XS_READ, encodeStrings([path]), done),
    write: (path, value, done) => {
      const bytes = typeof value === "string" ? encoder.encode(value) : value;
      sendChecked(XS_WRITE, encodeStrings([path], bytes), acknowledge(done));
    },
    makeDirectory: (path, done) => sendChecked(XS_MKDIR, encodeStrings([path]), acknowledge(done)),
    remove: (path, done) => sendChecked(XS_RM, encodeStrings([path]), acknowledge(done)),
    list: (path, done) =>
      sendChecked(XS_DIRECTORY, encodeStrings([path]), (result) => {
        if (!result.ok && result.error === "E2BIG") listInParts(sendChecked, path, done);
        else done(result.ok ? { ok: true, value: decodeStrings(result.value) } : result);
      }),
    getPermissions: (path, done) =>
      sendChecked(XS_GET_PERMS, encodeStrings([path]), mapResult(done, decodeStrings)),
    setPermissions: (path, permissions, done) =>
      sendChecked(XS_SET_PERMS, encodeStrings([path, ...permissions]), acknowledge(done)),
  };
};
