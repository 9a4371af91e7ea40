import {
  __HYPERVISOR_update_va_mapping,
  __HYPERVISOR_update_va_mapping_otherdomain,
  DOMID_SELF,
  UVMF_ALL,
  UVMF_INVLPG,
  UVMF_NONE,
  UVMF_TLB_FLUSH,
} from "@xenolith/xen-abi/xen";
import { NO_ENTRY, pageEntry, type World } from "../../attacker/world.ts";
import { type AttackOperation, call, failing, NO_DOMAIN, NOT_PRIVILEGED } from "../build.ts";
import type { Call, CallArgument, ErrorCase } from "../call.ts";

interface Mapping {
  readonly address: number;
  readonly entry: { readonly low: number; readonly high: number };
  readonly flags: number;
}

const goodMapping = (world: World): Mapping => {
  const { draw, pool, arena } = world;
  const frame = draw.chance(3) ? null : pool.writable();
  const flush = draw.pick([UVMF_NONE, UVMF_TLB_FLUSH, UVMF_INVLPG]);
  const target = draw.pick([0, UVMF_ALL, -1]);
  return {
    address: world.windowPage() + draw.below(4096),
    entry: frame === null ? NO_ENTRY : pageEntry(frame, !draw.chance(3), draw.pick([0, 4])),
    flags: flush + (flush === UVMF_NONE ? 0 : target >= 0 ? target : arena.putWords([draw.next32()])),
  };
};

type Make = (world: World, mapping: Mapping) => Call;

/** An entry as arguments: of 64-bit guests it is one. */
const entryArguments = ({ isWide }: World, { low, high }: Mapping["entry"]): readonly CallArgument[] =>
  isWide ? [(BigInt(high) << 32n) | BigInt(low)] : [low, high];

const self: Make = (world, { address, entry, flags }) =>
  call(__HYPERVISOR_update_va_mapping, address, ...entryArguments(world, entry), flags);

const other =
  (domain: (world: World) => number): Make =>
  (world, { address, entry, flags }) =>
    call(
      __HYPERVISOR_update_va_mapping_otherdomain,
      address,
      ...entryArguments(world, entry),
      flags,
      domain(world),
    );

const errorsOf = (make: Make): Record<string, ErrorCase<World>> => ({
  EINVAL: failing("no level-1 table maps the address, or the entry has bits that cannot be", (world) => {
    const mapping = goodMapping(world);
    const frame = world.pool.writable();
    return world.draw.chance(2) || frame === null
      ? make(world, {
          ...mapping,
          address: world.draw.pick([
            0,
            0x8000_0000,
            0xf580_0000,
            0xffff_f000,
            0xd000_0000,
            world.monitorAddress(),
          ]),
        })
      : make(world, { ...mapping, entry: { low: pageEntry(frame, true).low | 0x10, high: 0x20_0000 } });
  }),
  EBUSY: failing(
    "the frame belongs to somebody else, or cannot be mapped writable as what it is",
    (world) => {
      const table = world.pool.anyTable();
      const frame = table === null || world.draw.chance(2) ? world.pool.foreign() : table;
      return make(world, { ...goodMapping(world), entry: pageEntry(frame, true) });
    },
  ),
  EPERM: failing("the frame is no RAM", (world) =>
    make(world, { ...goodMapping(world), entry: pageEntry(world.pool.absent(), world.draw.chance(2)) }),
  ),
  EFAULT: failing("the bitmap of VCPUs to flush cannot be read", (world) =>
    make(world, {
      ...goodMapping(world),
      entry: NO_ENTRY,
      flags: UVMF_TLB_FLUSH + (world.draw.pick([0x1000, 0x8000_0000, 0xf580_0000, 0xffff_f000]) >>> 0),
    }),
  ),
});

/** update_va_mapping for own and for foreign frames. [XEN xen.h] */
export const vaMappingOperations: readonly AttackOperation[] = [
  { name: "update_va_mapping", succeeds: (world) => self(world, goodMapping(world)), errors: errorsOf(self) },
  {
    name: "update_va_mapping_otherdomain",
    succeeds: (world) => other(() => DOMID_SELF)(world, goodMapping(world)),
    errors: {
      ...errorsOf(other(() => DOMID_SELF)),
      ESRCH: failing(NO_DOMAIN, (world) => other((w) => w.absentDomain())(world, goodMapping(world))),
      EPERM: failing(NOT_PRIVILEGED, (world) =>
        other((w) => w.draw.pick([w.otherDomain(), 0x7ff1, 0x7ff2]))(world, goodMapping(world)),
      ),
    },
  },
];
