import { PAGE_SIZE } from "@xenolith/machine-interface";
import { DOMID_SELF, type DomId, toDomId, toGrantRef } from "@xenolith/xen-abi";
import fc from "fast-check";
import { DOM0, DOM1, DOM2, ownFrame, type Setting } from "./fake-host.ts";

/** Handles that mappings were answered with, by domain, so that operations can name real ones. */
export type Handles = Map<
  DomId,
  { readonly handle: number; readonly hostAddr: number; readonly bus: number }[]
>;

/** An operation on behalf of a domain; gives its status or errno. */
export type Operation = (setting: Setting, handles: Handles) => number;

const DOMAINS = [DOM0, DOM1, DOM2];

/** Numbers as registers of a guest hold them: mostly plausible, sometimes anything. */
export const hostile = (plausible: number): fc.Arbitrary<number> =>
  fc.oneof(
    { weight: 8, arbitrary: fc.nat(plausible) },
    { weight: 1, arbitrary: fc.constantFrom(511, 512, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff) },
  );

const domain = fc.constantFrom(...DOMAINS);
const named = fc.oneof(
  { weight: 8, arbitrary: domain },
  { weight: 1, arbitrary: fc.constantFrom(DOMID_SELF, toDomId(9), toDomId(0xffff)) },
);

/** A domain writes an entry of its own table: mostly one that makes sense. */
const writeEntry: fc.Arbitrary<Operation> = fc
  .tuple(
    domain,
    fc.nat(11),
    fc.oneof({ weight: 4, arbitrary: fc.constantFrom(1, 5) }, { weight: 1, arbitrary: fc.nat(7) }),
    domain,
    fc.nat(6),
    fc.nat(9),
  )
  .map(
    ([own, ref, flags, to, index, wrong]): Operation =>
      (setting) => {
        // Reading and writing are the hypervisor's: a guest that keeps to the rules leaves them as they are.
        const kept = setting.grants.getVersion(own, own) === 1 ? setting.shown(own, ref) : 0;
        const owner = wrong === 0 ? to : own;
        setting.entry(own, ref, flags | kept, to, wrong === 1 ? 1000 : ownFrame(owner, index));
        return 0;
      },
  );

const map: fc.Arbitrary<Operation> = fc.tuple(domain, named, hostile(11), fc.nat(31), fc.nat(7)).map(
  ([caller, dom, ref, flags, page]): Operation =>
    (setting, handles) => {
      const hostAddr = (page + 1) * PAGE_SIZE;
      const request = { hostAddr, flags, ref: toGrantRef(ref), dom };
      const free = !setting.machine.entries.has(
        `${caller} ${(flags & 16) !== 0 ? "entry" : "linear"} ${hostAddr}`,
      );
      // The fake page tables keep one mapping at a place; a real one would drop the old entry.
      if (!free) return 0;
      const { status, handle, devBusAddr } = setting.grants.mapGrantRef(caller, request);
      if (status === 0) {
        const known = handles.get(caller) ?? [];
        handles.set(caller, [...known, { handle, hostAddr, bus: devBusAddr }]);
      }
      return status;
    },
);

const unmap: fc.Arbitrary<Operation> = fc.tuple(domain, fc.nat(9), fc.nat(9), hostile(20)).map(
  ([caller, choice, kind, wild]): Operation =>
    (setting, handles) => {
      const known = handles.get(caller) ?? [];
      const real = known[choice % Math.max(1, known.length)];
      const handle = kind === 0 || real === undefined ? wild : real.handle;
      const hostAddr = kind === 1 ? wild : kind === 2 ? 0 : (real?.hostAddr ?? 0);
      const devBusAddr = kind === 3 ? wild : kind === 4 ? 0 : (real?.bus ?? 0);
      return setting.grants.unmapGrantRef(caller, { hostAddr, devBusAddr, handle });
    },
);

const unmapAndReplace: fc.Arbitrary<Operation> = fc.tuple(domain, fc.nat(9), fc.nat(7), hostile(20)).map(
  ([caller, choice, page, wild]): Operation =>
    (setting, handles) => {
      const known = handles.get(caller) ?? [];
      const real = known[choice % Math.max(1, known.length)];
      const newAddr = page * PAGE_SIZE;
      const isSame = newAddr === real?.hostAddr;
      return setting.grants.unmapAndReplace(caller, {
        hostAddr: real?.hostAddr ?? wild,
        newAddr: isSame ? 0 : newAddr,
        handle: real?.handle ?? wild,
      });
    },
);

const transfer: fc.Arbitrary<Operation> = fc.tuple(domain, named, hostile(11), fc.nat(9), fc.boolean()).map(
  ([caller, to, ref, index, accepts]): Operation =>
    (setting) => {
      const isEntry = [DOM0, DOM1, DOM2].includes(to) && ref < 12;
      if (isEntry && accepts && setting.shown(to, ref) === 0) setting.entry(to, ref, 2, caller, 7);
      const request = { mfn: ownFrame(caller, index), domid: to, ref: toGrantRef(ref) };
      const status = setting.grants.transfer(caller, request);
      // So that flags say nothing but uses afterwards, whoever wrote that the entry takes a frame.
      if (isEntry && (setting.flags(to, ref) & 3) === 2) setting.entry(to, ref, 0, caller, 0);
      return status;
    },
);

const cacheFlush: fc.Arbitrary<Operation> = fc.tuple(domain, hostile(63), hostile(4096), fc.nat(3)).map(
  ([caller, frame, length, op]): Operation =>
    ({ grants }) =>
      grants.flushCache(caller, { devBusAddr: frame * PAGE_SIZE, offset: 0, length, op }),
);

const copy: fc.Arbitrary<Operation> = fc
  .tuple(domain, named, named, hostile(11), hostile(11), fc.nat(0xffff), fc.nat(0xffff), fc.nat(3))
  .map(
    ([caller, from, to, a, b, offset, len, flags]): Operation =>
      (setting) =>
        setting.grants.copy(caller, {
          source: {
            domid: from,
            ref: toGrantRef(a),
            gmfn: ownFrame(caller, a % 10),
            offset: offset & 0x1fff,
          },
          dest: { domid: to, ref: toGrantRef(b), gmfn: ownFrame(caller, b % 10), offset: 0 },
          len: len & 0x1fff,
          flags,
        }),
  );

const table: fc.Arbitrary<Operation> = fc.tuple(domain, named, hostile(3), fc.nat(5)).map(
  ([caller, dom, count, kind]): Operation =>
    ({ grants }) => {
      switch (kind) {
        case 0:
          return grants.setupTable(caller, dom, count).status;
        case 1:
          return grants.querySize(caller, dom).status;
        case 2:
          return grants.setVersion(caller, count).error;
        case 3:
          return grants.getVersion(caller, dom);
        case 4:
          return grants.getStatusFrames(caller, dom, count).status;
        default:
          return grants.swapGrantRef(caller, count, count + 1);
      }
    },
);

/** Any operation. */
export const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 3, arbitrary: writeEntry },
  { weight: 4, arbitrary: map },
  { weight: 3, arbitrary: unmap },
  { weight: 1, arbitrary: unmapAndReplace },
  { weight: 1, arbitrary: transfer },
  { weight: 1, arbitrary: cacheFlush },
  { weight: 2, arbitrary: copy },
  { weight: 1, arbitrary: table },
);
