import { createEntropy } from "@xenolith/machine";
import { type EntropySource, type Mfn, PAGE_SIZE, toMfn } from "@xenolith/machine-interface";
import { PTE } from "@xenolith/x86-architecture";
import { DOMID_INVALID, type DomId } from "@xenolith/xen-abi";
import { FRAME_TYPE, type FrameType, type TableEntry, type TableLevel } from "../../src/index.ts";
import { createFixture, DOM1, DOM2, type Fixture, leadsTo, NOTHING, RO, RW } from "./fixture.ts";

/** A translation that a TLB may still have. */
interface CachedTranslation {
  readonly domain: DomId;
  readonly frame: Mfn;
  readonly writable: boolean;
}

/** A grant of one frame from a domain to another, held by the granter's side and perhaps installed. */
interface Grant {
  readonly user: DomId;
  readonly granter: DomId;
  readonly frame: Mfn;
  readonly writable: boolean;
  installed: { table: Mfn; index: number } | null;
}

const FRAMES = 160;
const DOMAINS = [DOM1, DOM2] as const;

/** Two domains that do everything to the frame table that hypercalls let them, at random, with a TLB that forgets only when told. */
export interface Adversary {
  readonly fixture: Fixture;
  /** Results seen by operation: how often it succeeded, and which errnos it gave. */
  readonly outcomes: ReadonlyMap<string, Map<number, number>>;
  step(): void;
  /** What is wrong now, if anything. `deep` also walks the whole frame table. */
  problems(deep: boolean): string[];
}

/** Makes the two domains. Everything follows from the seed. */
export const createAdversary = (seed: number): Adversary => {
  const entropy: EntropySource = createEntropy(seed);
  const tlb: CachedTranslation[] = [];
  const forget = (isGone: (cached: CachedTranslation) => boolean): void => {
    for (let index = tlb.length - 1; index >= 0; index--) {
      const cached = tlb[index];
      if (cached !== undefined && isGone(cached)) tlb.splice(index, 1);
    }
  };
  const fixture = createFixture({
    frameCount: FRAMES,
    entropy: entropy.fork("frames"),
    onFlush: (frame) => forget((cached) => cached.frame === frame),
    onTableChange: (domain, level) => level > 1 && forget((cached) => cached.domain === domain),
  });
  const { frames } = fixture;
  const grants: Grant[] = [];
  const bases = new Map<DomId, Mfn>();
  const descriptors: Mfn[] = [];
  const dying = new Set<DomId>();
  const outcomes = new Map<string, Map<number, number>>();

  const pick = <T>(list: readonly T[]): T | undefined => list[entropy.below(Math.max(1, list.length))];
  const chance = (percent: number): boolean => entropy.below(100) < percent;
  const someDomain = (): DomId => DOMAINS[entropy.below(2)] ?? DOM1;
  const other = (domain: DomId): DomId => (domain === DOM1 ? DOM2 : DOM1);
  const anyFrame = (): Mfn => toMfn(chance(2) ? 2 ** 32 - 1 - entropy.below(4) : entropy.below(FRAMES + 4));
  const framesOfType = (domain: DomId, type: FrameType): Mfn[] =>
    frames.framesOf(domain).filter((frame) => frames.typeOf(frame) === type);
  const ownFrame = (domain: DomId): Mfn => pick(frames.framesOf(domain)) ?? anyFrame();
  const someFrame = (domain: DomId): Mfn => (chance(85) ? ownFrame(domain) : anyFrame());
  const tableOf = (domain: DomId, level: TableLevel): Mfn =>
    pick(framesOfType(domain, level)) ?? someFrame(domain);
  const someLevel = (): TableLevel => (1 + entropy.below(3)) as TableLevel;

  const flags = (): number => {
    const base = chance(50) ? RW : RO;
    if (chance(90)) return base;
    const rare = [PTE.large, PTE.global, PTE.writeThrough, PTE.accessed, PTE.dirty, PTE.available];
    return base | (pick(rare) ?? 0);
  };

  const someEntry = (domain: DomId, level: TableLevel): TableEntry => {
    if (chance(15)) return NOTHING;
    if (chance(3)) return { low: entropy.next32(), high: entropy.next32() };
    const below =
      level === 1 || chance(15)
        ? someFrame(domain)
        : tableOf(domain, (level - (chance(85) ? 1 : 0)) as TableLevel);
    return leadsTo(below, level === 3 && chance(90) ? PTE.present : flags());
  };

  const note = (operation: string, result: number): void => {
    const results = outcomes.get(operation) ?? new Map<number, number>();
    const key = Math.min(result, 0);
    outcomes.set(operation, results.set(key, (results.get(key) ?? 0) + 1));
  };

  /** A guest's own store: only where it could have the frame mapped writable. */
  const poke = (domain: DomId, frame: Mfn, index: number, entry: TableEntry): number => {
    const error = frames.getPageAndType(frame, domain, FRAME_TYPE.writable);
    if (error !== 0) return error;
    fixture.poke(frame, index, entry);
    frames.putPageAndType(frame);
    return 0;
  };

  const slotOf = (level: TableLevel): number => {
    if (level === 3) return entropy.below(5);
    return chance(20) ? 426 + entropy.below(86) : entropy.below(8);
  };

  const buildSpace = (domain: DomId): number => {
    const list = frames.allocate(domain, 8);
    if (typeof list === "number") return list;
    const [root = toMfn(0), level1 = toMfn(0), a = toMfn(0), b = toMfn(0)] = list;
    poke(domain, root, 0, leadsTo(a, PTE.present));
    poke(domain, root, 3, leadsTo(b, PTE.present));
    poke(domain, a, entropy.below(4), leadsTo(level1));
    if (chance(30)) poke(domain, a, 5, leadsTo(a, RO));
    for (const page of list.slice(4)) poke(domain, level1, entropy.below(16), leadsTo(page, flags()));
    return chance(50) ? frames.pin(domain, root, 3) : setBase(domain, root);
  };

  const setBase = (domain: DomId, root = tableOf(domain, 3)): number => {
    const error = frames.getPageAndType(root, domain, FRAME_TYPE.level3);
    if (error !== 0) return error;
    const old = bases.get(domain);
    bases.set(domain, root);
    if (old !== undefined) frames.putPageAndType(old);
    return 0;
  };

  const grant = (granter: DomId): number => {
    const frame = ownFrame(granter);
    const writable = chance(50);
    const error = writable
      ? frames.getPageAndType(frame, granter, FRAME_TYPE.writable)
      : Number(frames.getPage(frame, granter)) - 1;
    if (error !== 0) return error;
    grants.push({ user: other(granter), granter, frame, writable, installed: null });
    return 0;
  };

  const installGrant = (): number => {
    const chosen = pick(grants.filter(({ installed }) => installed === null));
    if (chosen === undefined) return 0;
    const table = tableOf(chosen.user, 1);
    const index = slotOf(1);
    const entry = leadsTo(chosen.frame, chosen.writable ? RW : RO);
    const error = frames.installHeld(table, index, entry, chosen.user);
    if (error === 0) chosen.installed = { table, index };
    return error;
  };

  const dropGrant = ({ frame, writable }: Grant): void => {
    if (writable) frames.putPageAndType(frame);
    else frames.putPage(frame);
  };

  const endGrant = (): number => {
    const chosen = pick(grants);
    if (chosen === undefined) return 0;
    const { installed, frame, writable, user } = chosen;
    if (installed !== null) {
      const error = frames.withdrawHeld(installed.table, installed.index, frame, writable, user);
      if (error !== 0) return error;
    }
    grants.splice(grants.indexOf(chosen), 1);
    dropGrant(chosen);
    return 0;
  };

  const exchange = (domain: DomId): number => {
    const frame = ownFrame(domain);
    const error = frames.steal(domain, frame);
    if (error !== 0) return error;
    if (chance(50)) return frames.assign(chance(50) ? domain : other(domain), frame);
    frames.discard(frame);
    return 0;
  };

  const holdDescriptors = (domain: DomId): number => {
    const held = descriptors.pop();
    if (held !== undefined && chance(50)) {
      frames.putPageAndType(held);
      return 0;
    }
    if (held !== undefined) descriptors.push(held);
    const frame = ownFrame(domain);
    const error = frames.getPageAndType(frame, domain, FRAME_TYPE.descriptors);
    if (error === 0) descriptors.push(frame);
    return error;
  };

  /** Begins the end of a domain. Grants that it gave stay with their users; those it used end. */
  const die = (domain: DomId): void => {
    dying.add(domain);
    const base = bases.get(domain);
    bases.delete(domain);
    if (base !== undefined) frames.putPageAndType(base);
    forget((cached) => cached.domain === domain);
    for (const held of descriptors.splice(0)) frames.putPageAndType(held);
    for (const { granter, user, installed } of [...grants]) {
      // An entry that was installed goes with its table; what was not is given back here.
      if (installed === null && (granter === domain || user === domain)) {
        const index = grants.findIndex(
          (known) => known.installed === null && known.granter === granter && known.user === user,
        );
        for (const dropped of grants.splice(index, 1)) dropGrant(dropped);
      }
    }
  };

  /** Goes on with the end of a domain; when nothing of it is left, another with its number starts. */
  const decay = (domain: DomId): void => {
    if (frames.relinquish(domain, 5) > 0) return;
    if (frames.removeDomain(domain) !== 0) throw new Error("a domain without pages cannot be removed");
    for (const used of grants.filter(({ user }) => user === domain)) grants.splice(grants.indexOf(used), 1);
    frames.addDomain(domain, { width: "x86_32p", maximumPages: 90 });
    dying.delete(domain);
    note("rebirth", 0);
  };

  /** A present entry of a table, with the frame it leads to. */
  const presentEntry = (
    domain: DomId,
    table: Mfn,
    slots: number,
  ): { frame: Mfn; writable: boolean } | undefined => {
    const present: { frame: Mfn; writable: boolean }[] = [];
    for (let index = 0; index < slots; index++) {
      const entry = frames.readEntry(domain, table, index);
      if (entry === null || (entry.low & PTE.present) === 0) continue;
      const frame = toMfn(Math.floor(entry.low / PAGE_SIZE) + (entry.high & 0xf_ffff) * 2 ** 20);
      present.push({ frame, writable: (entry.low & PTE.writable) !== 0 });
    }
    return pick(present);
  };

  /** The processor uses a mapping of the present base: the TLB remembers it. */
  const translate = (domain: DomId): number => {
    const base = bases.get(domain);
    if (base === undefined) return -1;
    const level2 = presentEntry(domain, base, 4);
    const level1 = level2 && presentEntry(domain, level2.frame, 512);
    const page = level1 && presentEntry(domain, level1.frame, 512);
    if (level1 === undefined || page === undefined) return -1;
    tlb.push({ domain, frame: page.frame, writable: page.writable && level1.writable });
    if (tlb.length > 100) tlb.shift();
    return 0;
  };

  /** Takes away all mappings of a page that the TLB may still have writable, and makes it a page table. */
  const turnIntoTable = (domain: DomId): number => {
    const cached = pick(tlb.filter((known) => known.domain === domain && known.writable));
    if (cached === undefined) return -1;
    for (const table of framesOfType(domain, FRAME_TYPE.level1)) {
      for (let index = 0; index < 16; index++) {
        const entry = frames.readEntry(domain, table, index);
        if (entry !== null && entry.low >>> 12 === cached.frame) {
          frames.updateEntry(table, index, NOTHING, { domain, mapped: domain });
        }
      }
    }
    return frames.pin(domain, cached.frame, 1);
  };

  const update = (domain: DomId): number => {
    const level = someLevel();
    const table = tableOf(domain, level);
    const how = { domain, mapped: domain, preserveAccessedDirty: chance(20) };
    return frames.updateEntry(table, slotOf(level), someEntry(domain, level), how);
  };

  const operations: readonly (readonly [weight: number, name: string, run: (domain: DomId) => number])[] = [
    [30, "updateEntry", update],
    [
      8,
      "storeEntry",
      (domain) => {
        const level = someLevel();
        const place = { domain, mapped: domain };
        return frames.storeEntry(someFrame(domain), slotOf(level) * 8, someEntry(domain, level), place);
      },
    ],
    [8, "poke", (domain) => poke(domain, someFrame(domain), slotOf(1), someEntry(domain, someLevel()))],
    [4, "buildSpace", buildSpace],
    [
      6,
      "pin",
      (domain) => frames.pin(domain, chance(50) ? someFrame(domain) : tableOf(domain, 3), someLevel()),
    ],
    [5, "unpin", (domain) => frames.unpin(domain, tableOf(domain, someLevel()))],
    [6, "setBase", (domain) => setBase(domain)],
    [
      4,
      "allocate",
      (domain) => {
        const result = frames.allocate(domain, 1 + entropy.below(3));
        return typeof result === "number" ? result : 0;
      },
    ],
    [6, "release", (domain) => frames.release(domain, someFrame(domain))],
    [4, "exchange", exchange],
    [4, "grant", grant],
    [4, "installGrant", installGrant],
    [4, "endGrant", endGrant],
    [2, "holdDescriptors", holdDescriptors],
    [
      2,
      "updateDescriptor",
      (domain) =>
        frames.updateDescriptor(
          domain,
          someFrame(domain),
          entropy.below(512) * 8,
          entropy.next32(),
          entropy.next32(),
        ),
    ],
    [6, "turnIntoTable", turnIntoTable],
    [30, "translate", translate],
  ];
  const totalWeight = operations.reduce((sum, [weight]) => sum + weight, 0);

  const isGranted = (user: DomId, frame: Mfn, writable: boolean): boolean =>
    grants.some(
      (known) =>
        known.user === user &&
        known.frame === frame &&
        known.installed !== null &&
        (known.writable || !writable),
    );

  const staleTranslations = (): string[] =>
    tlb.flatMap(({ domain, frame, writable }) => {
      const owner = frames.ownerOf(frame);
      if (owner !== domain && !isGranted(domain, frame, writable)) {
        return [
          `domain ${domain} can still reach frame ${frame} of ${owner === DOMID_INVALID ? "nobody" : owner}`,
        ];
      }
      const isWritableType = frames.typeOf(frame) === FRAME_TYPE.writable;
      return writable && !isWritableType ? [`domain ${domain} can still write frame ${frame}`] : [];
    });

  return {
    fixture,
    outcomes,
    step() {
      const domain = someDomain();
      if (dying.has(domain)) {
        decay(domain);
        return;
      }
      if (entropy.below(200) === 0) {
        die(domain);
        return;
      }
      let chosen = entropy.below(totalWeight);
      for (const [weight, name, run] of operations) {
        chosen -= weight;
        if (chosen < 0) {
          note(name, run(domain));
          return;
        }
      }
    },
    problems(deep) {
      const found = staleTranslations();
      if (!deep) return found;
      const violations = frames.checkInvariants({ mayMap: isGranted });
      return [...found, ...violations.map(({ frame, problem }) => `frame ${frame} ${problem}`)];
    },
  };
};
