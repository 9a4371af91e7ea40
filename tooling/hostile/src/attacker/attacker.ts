import type { MappedPages } from "@xenolith/domain-interface";
import type { AssembledHost } from "@xenolith/host/testing";
import { HostError, type Mfn } from "@xenolith/machine-interface";
import { entryFrame } from "@xenolith/x86-architecture";
import type { DomId } from "@xenolith/xen-abi";
import { HYPERVISOR_RANGE } from "@xenolith/xen-abi/arch-x86";
import { GRANT_ENTRY_V1_BYTES, GRANT_ENTRY_V2_BYTES, GTF_transitive } from "@xenolith/xen-abi/grant-table";
import type { Chooser, ChosenCall } from "../calls/choose.ts";
import type { Tally } from "../calls/tally.ts";
import type { Draw } from "../draw.ts";
import { createArena } from "./arena.ts";
import { createFramePool } from "./frame-pool.ts";
import { attackerImage } from "./image.ts";
import {
  ARENA_PAGES,
  AT,
  type AttackerWidth,
  builderPages,
  MEMORY_MIB,
  PAGE,
  PLAYGROUND_PAGE,
  VIRTUAL_BASE,
} from "./layout.ts";
import { preparationsOf } from "./preparations.ts";
import { createSession, type Session } from "./session.ts";
import { absentDomainOf, addressesOf, type Offers, type World } from "./world.ts";

const VCPUS = 4;
const ARENA_BYTES = ARENA_PAGES * 4096;

/** One life of an attacking domain. */
export interface Attacker {
  readonly id: DomId;
  readonly session: Session;
  readonly world: World;
  /** Its xenstore page and its console page, for scribbling. */
  readonly sharedPages: MappedPages;
  /** Gives the harness's handles back. The domain is destroyed by the caller. */
  release(): void;
}

/** What attackers are made in. */
export interface AttackerParts {
  readonly width: AttackerWidth;
  readonly assembled: AssembledHost;
  readonly draw: Draw;
  readonly tally: Tally;
  readonly chooser: Chooser;
  readonly victim: DomId;
  /** Makes offers to the new domain. */
  readonly offersTo: (domain: DomId) => Offers;
  readonly lifeCalls: number;
  readonly between: (world: World, sharedPages: MappedPages) => readonly ChosenCall[];
}

const mapped = (pages: MappedPages | number, what: string): MappedPages => {
  if (typeof pages === "number") throw new HostError("attacker", `${what} cannot be mapped (error ${pages})`);
  return pages;
};

/** Addresses that cannot be used, by width: not mapped, the monitor's, not canonical, or about to wrap. */
const BAD_ADDRESSES: Readonly<Record<AttackerWidth, readonly number[]>> = {
  x86_32p: [0x8000_0000, 0xf57f_ffff, 0xf580_0000, 0xf5ff_f000, 0xffff_f000, 0xffff_fffd],
  x86_64: [
    0xf580_0000,
    0x8000_0000_0000 - 2,
    0x8000_0000_0000,
    2 ** 62,
    HYPERVISOR_RANGE.x86_64.virtStart,
    HYPERVISOR_RANGE.x86_64.virtEnd - 2,
    -4096,
    -2,
  ],
};

/** Creates the domain of an attacker, paused, with its first command in place. */
export const createAttacker = async (parts: AttackerParts, name: string): Promise<Attacker> => {
  const { width, assembled, draw, victim } = parts;
  const isWide = width === "x86_64";
  const rootLevel = isWide ? 4 : 3;
  const { host, hypervisor } = assembled;
  const { control, toolstack, clock } = host;
  const { frames } = hypervisor;
  const id = await toolstack.create(
    {
      name,
      payload: { kind: "image", kernel: attackerImage(width), ramdisk: null },
      commandLine: "",
      memoryMiB: MEMORY_MIB,
      vcpus: VCPUS,
      alarms: true,
      disks: [],
      scheduling: {},
    },
    { paused: true },
  );

  /** By pseudo-physical page, as the builder has placed them. */
  const built = control.framesOf(id);
  const pages = (first: number, count: number): Mfn[] => built.slice(first, first + count);
  const command = mapped(control.mapFrames(id, pages(PAGE.command, 1)), "command page");
  const arenaPages = mapped(control.mapFrames(id, pages(PAGE.arena, ARENA_PAGES)), "arena");
  const sharedInfoFrame = control.sharedInfoFrame(id);
  const sharedInfo = mapped(control.mapFrames(id, [sharedInfoFrame]), "shared_info");
  const arena = createArena(width, arenaPages, draw);
  const pool = createFramePool({
    table: frames,
    domain: id,
    reserved: new Set(pages(0, PLAYGROUND_PAGE)),
    draw,
  });

  const firstRoot = built.find((frame) => frames.levelOf(frame) === rootLevel);
  if (firstRoot === undefined) throw new HostError("attacker", "there is no root table");
  const rootPage = VIRTUAL_BASE + 4096 * built.indexOf(firstRoot);
  let lastRoot = firstRoot;
  const isInUse = (frame: Mfn): boolean =>
    frames.ownerOf(frame) === id &&
    frames.levelOf(frame) === rootLevel &&
    (frames.describe(frame)?.held ?? 0) > 0;
  /** A root in use: one that a VCPU holds. All of them lead to the same level-1 tables. */
  const root = (): Mfn => {
    if (!isInUse(lastRoot)) lastRoot = frames.framesOf(id).find(isInUse) ?? firstRoot;
    return lastRoot;
  };

  let grants: MappedPages | null = null;
  const grantFrames: Mfn[] = [];
  const isLiving = (domain: DomId): boolean => control.describe(domain) !== null;
  const others = (): DomId[] =>
    control.list().flatMap((one) => (one.id === id || one.state === "dying" ? [] : [one.id]));
  const offers = parts.offersTo(id);

  const addresses = addressesOf(frames, id, root, isWide, draw);
  const world: World = {
    width,
    isWide,
    rootLevel,
    draw,
    arena,
    pool,
    frames,
    self: id,
    victim,
    vcpus: VCPUS,
    offers,
    sharedInfo,
    now: () => clock.now(),
    withFrame(frame, use) {
      const page = control.mapFrames(id, [frame]);
      if (typeof page === "number") return false;
      use(page);
      page.release();
      return true;
    },
    root,
    ...addresses,
    isIntact: () =>
      pages(PAGE.arena, ARENA_PAGES).every(
        (frame, index) => entryFrame(addresses.entryAt(AT.arena + 4096 * index).low, 0) === frame,
      ),
    badAddress: () => draw.pick([0x1000, 0x7fff_fffd, AT.guard - 2, AT.guard, ...BAD_ADDRESSES[width]]),
    unmappedAddress: () => AT.guard + draw.below(2048),
    monitorAddress: () => HYPERVISOR_RANGE[width].virtStart + draw.below(0xa80_0000),
    lastWord(value) {
      arenaPages.writeUint32(ARENA_BYTES - 4, value);
      return AT.guard - 4;
    },
    readOnlyAddress: () => rootPage + 4 * draw.below(900),
    absentDomain: () => absentDomainOf(isLiving, draw),
    otherDomain: () => draw.pick(others()),
    ports: new Map(),
    mappings: [],
    grantFrames,
    writeGrant(reference, flags, domain, frame) {
      const isFirst = world.grantVersion() === 1;
      const at = reference * (isFirst ? GRANT_ENTRY_V1_BYTES : GRANT_ENTRY_V2_BYTES);
      grants?.writeUint32(at, (flags & 0xffff) | (domain << 16));
      grants?.writeUint32(at + 4, isFirst ? frame >>> 0 : draw.next32());
      if (isFirst) return;
      grants?.writeUint32(at + 8, frame >>> 0);
      grants?.writeUint32(at + 12, 0);
    },
    passGrantOn(reference, domain, from, fromReference) {
      const at = reference * GRANT_ENTRY_V2_BYTES;
      grants?.writeUint32(at, GTF_transitive | (domain << 16));
      grants?.writeUint32(at + 4, from);
      grants?.writeUint32(at + 8, fromReference);
    },
    grantVersion: () => hypervisor.grants.getVersion(id, id),
    fresh: {
      uninitialised: new Set([1, 2, 3]),
      unregistered: new Set([1, 2, 3]),
      withoutQueues: new Set([0, 1, 2, 3]),
    },
  };
  const sharedPages = mapped(
    control.mapFrames(id, pages(builderPages(width).store, 2)),
    "xenstore and console",
  );
  const session = createSession({
    ...parts,
    command,
    world,
    between: () => parts.between(world, sharedPages),
  });
  session.begin(
    preparationsOf(world, sharedInfoFrame, (found) => {
      grantFrames.push(...found);
      grants = mapped(control.mapFrames(id, found), "grant table");
    }),
  );

  return {
    id,
    session,
    world,
    sharedPages,
    release() {
      for (const handle of [command, arenaPages, sharedInfo, sharedPages, grants]) handle?.release();
    },
  };
};
