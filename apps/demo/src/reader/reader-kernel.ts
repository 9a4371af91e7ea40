import { crc32 } from "node:zlib";
import { SECTOR_BYTES } from "@xenolith/backend-interface";
import { type Blkfront, createBlkfront } from "@xenolith/blkfront";
import { toNanoseconds } from "@xenolith/machine-interface";
import { virtualDeviceNumber } from "@xenolith/toolstack";
import { defineKernel, type Kernel, type KernelContext } from "@xenolith/typescript-kernel";
import { createStoreClient } from "@xenolith/xenbus";
import { READER_DISK_LINES } from "./reader-disk.ts";

const READ_BYTES = 65_536;
const LINE_PERIOD_NS = 500_000_000;
/** Modelled cost of summing a byte, in nanoseconds. */
const SUM_NS_PER_BYTE = 1;
const LINE_FEED = 0x0a;

const inMilliseconds = (ns: number): string => `${(ns / 1_000_000).toFixed(3)} ms`;

/** Reads the whole disk in order and says what it sums up to. */
const sumDisk = (disk: Blkfront, { domain, print }: KernelContext, done: () => void): void => {
  const startNs = domain.timers.now();
  const buffer = new Uint8Array(READ_BYTES);
  const readFrom = (sector512: number, sum: number): void => {
    if (sector512 >= disk.sectorCount) {
      const tookNs = domain.timers.now() - startNs;
      const hex = sum.toString(16).padStart(8, "0");
      print(`read it all: crc32 ${hex}, ${disk.stats.requests} requests, ${inMilliseconds(tookNs)}`);
      done();
      return;
    }
    const sectors = Math.min(READ_BYTES / SECTOR_BYTES, disk.sectorCount - sector512);
    const into = buffer.subarray(0, sectors * SECTOR_BYTES);
    disk.submit({ kind: "read", sector512, into }, (status) => {
      if (status !== "ok") {
        print(`sector ${sector512}: ${status}`);
        done();
        return;
      }
      domain.charge(toNanoseconds(into.length * SUM_NS_PER_BYTE));
      readFrom(sector512 + sectors, crc32(into, sum));
    });
  };
  readFrom(0, 0);
};

/** Reads one line after another, each from its own sector, for ever. */
const readLines = (disk: Blkfront, { domain, print }: KernelContext): void => {
  const sector = new Uint8Array(SECTOR_BYTES);
  const readLine = (number: number): void => {
    disk.submit({ kind: "read", sector512: number, into: sector }, (status) => {
      const end = sector.indexOf(LINE_FEED);
      const text = new TextDecoder().decode(sector.subarray(0, Math.max(end, 0)));
      print(`sector ${number}: ${status === "ok" ? text : status}`);
      domain.timers.at(toNanoseconds(domain.timers.now() + LINE_PERIOD_NS), () =>
        readLine((number + 1) % READER_DISK_LINES.length),
      );
    });
  };
  readLine(0);
};

/** Calls `react` when something was typed, however much. */
const onKeys = ({ console }: KernelContext, react: () => void): void => {
  const typed = new Uint8Array(256);
  console.onActivity(() => {
    let count = 0;
    for (let taken = console.read(typed); taken > 0; taken = console.read(typed)) count += taken;
    if (count > 0) react();
  });
};

/**
 * A kernel written in TypeScript: it reads its disk `xvda` through the block front end and prints what it finds. A key makes
 * it read the whole disk again.
 */
export const readerKernel: Kernel = defineKernel({
  name: "reader",
  start: (context) => {
    const { domain, print } = context;
    let isSumming = false;
    const sumOnce = (done: () => void): void => {
      if (isSumming) return;
      isSumming = true;
      sumDisk(disk, context, () => {
        isSumming = false;
        done();
      });
    };
    print("reader: a kernel written in TypeScript, waiting for xvda");
    const disk: Blkfront = createBlkfront({
      domain,
      store: createStoreClient(domain.store),
      device: virtualDeviceNumber("xvda"),
      onStateChange: (state, problem) => {
        if (state === "closed") print(`xvda: closed${problem === null ? "" : `: ${problem}`}`);
        if (state !== "connected") return;
        print(`xvda: ${disk.sectorCount} sectors, ${disk.readOnly ? "read-only" : "writable"}`);
        sumOnce(() => readLines(disk, context));
      },
    });
    onKeys(context, () => {
      if (disk.state === "connected") sumOnce(() => {});
    });
  },
});
