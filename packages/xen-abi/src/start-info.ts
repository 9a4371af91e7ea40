import { address, branded, text, u32, ulong } from "./fields.ts";
import type { Pfn, Port } from "./ids.ts";
import { type Struct, type StructReader, type StructWriter, struct } from "./struct.ts";

/** Flags of start_info. [XEN xen.h] */
export const SIF_PRIVILEGED = 0x1;
export const SIF_INITDOMAIN = 0x2;
export const SIF_MULTIBOOT_MOD = 0x4;
export const SIF_MOD_START_PFN = 0x8;
export const SIF_VIRT_P2M_4TOOLS = 0x10;
export const SIF_PM_MASK = 0xff00;

/** Bytes of the command line, its NUL included. */
export const MAX_GUEST_CMDLINE = 1024;

/** The magic string of a PV guest of this version: `xen-3.0-x86_32p` and so on. */
export const startInfoMagic = (width: "x86_32" | "x86_32p" | "x86_64"): string => `xen-3.0-${width}`;

/** `console.domU` of start_info. */
export interface StartInfoConsole {
  /** Machine frame of the console ring. */
  readonly mfn: number;
  readonly evtchn: Port;
}

/**
 * What a PV kernel is told at its start (ESI or RSI points to it).
 *
 * | field | x86_32, x86_32p | x86_64 |
 * |---|---|---|
 * | magic[32] | 0 | 0 |
 * | nr_pages / shared_info / flags | 32 / 36 / 40 | 32 / 40 / 48 |
 * | store_mfn / store_evtchn | 44 / 48 | 56 / 64 |
 * | console mfn / evtchn | 52 / 56 | 72 / 80 |
 * | pt_base / nr_pt_frames / mfn_list / mod_start / mod_len | 60 / 64 / 68 / 72 / 76 | 88 / 96 / 104 / 112 / 120 |
 * | cmd_line[1024] / first_p2m_pfn / nr_p2m_frames | 80 / 1104 / 1108 | 128 / 1152 / 1160 |
 * | size | 1112 | 1168 |
 */
export interface StartInfo {
  readonly magic: string;
  /** Frames of the domain. */
  readonly nrPages: number;
  /** Machine address of the shared_info page. */
  readonly sharedInfo: number;
  /** `SIF_*`. */
  readonly flags: number;
  /** Machine frame of the xenstore ring. */
  readonly storeMfn: number;
  readonly storeEvtchn: Port;
  readonly console: StartInfoConsole;
  /** Linear address of the root page table. */
  readonly ptBase: number;
  readonly nrPtFrames: number;
  /** Linear address of the P2M list (`unsigned long` per frame). */
  readonly mfnList: number;
  /** Linear address of the module (a frame number with SIF_MOD_START_PFN), or 0. */
  readonly modStart: number;
  readonly modLen: number;
  readonly cmdLine: string;
  /** First frame of a P2M list that lies outside the initial mapping. */
  readonly firstP2mPfn: Pfn;
  readonly nrP2mFrames: number;
}

/** Layout and codec of {@link StartInfo}. [XEN xen.h] */
export const START_INFO: Struct<StartInfo> = struct<StartInfo>({
  magic: text(32),
  nrPages: ulong,
  sharedInfo: ulong,
  flags: u32,
  storeMfn: ulong,
  storeEvtchn: branded<Port>(u32),
  console: struct<StartInfoConsole>({ mfn: ulong, evtchn: branded<Port>(u32) }),
  ptBase: address,
  nrPtFrames: ulong,
  mfnList: address,
  modStart: address,
  modLen: ulong,
  cmdLine: text(MAX_GUEST_CMDLINE),
  firstP2mPfn: branded<Pfn>(ulong),
  nrP2mFrames: ulong,
});

/** Decodes a start_info. */
export const readStartInfo: StructReader<StartInfo> = START_INFO.read;

/** Encodes a start_info. */
export const writeStartInfo: StructWriter<StartInfo> = START_INFO.write;
