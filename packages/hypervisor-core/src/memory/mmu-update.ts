import type { TableEntry, TableLevel } from "@xenolith/frame-table";
import { type Mfn, PAGE_SIZE, toMfn, toNanoseconds } from "@xenolith/machine-interface";
import { entryFrame, PTE } from "@xenolith/x86-architecture";
import {
  DOMID_IO,
  type DomId,
  EFAULT,
  EINVAL,
  ENOSYS,
  EPERM,
  ESRCH,
  type GuestWidth,
  toDomId,
} from "@xenolith/xen-abi";
import {
  __HYPERVISOR_mmu_update,
  MMU_MACHPHYS_UPDATE,
  MMU_PT_UPDATE_PRESERVE_AD,
  MMU_UPDATE_BYTES,
  readMmuUpdate,
} from "@xenolith/xen-abi/xen";
import type { Hypercall, HypercallContext } from "../hypercalls/context.ts";
import { createRequestBuffer, type PerformRequest, readBatch, refuseBatch, runBatch } from "./batch.ts";
import { ENTRY_NS } from "./costs.ts";
import type { TableRequest, TableTree } from "./long-table-work.ts";
import { pageOwner, permissionError } from "./page-owner.ts";
import type { MemoryParts } from "./parts.ts";

/** Lowest level whose entries lead to so much that a change of one can take long. */
const LONG_LEVEL = 3;

const NO_ENTRY: TableEntry = { low: 0, high: 0 };

const entryBytes = (width: GuestWidth): number => (width === "x86_32" ? 4 : 8);

/** Whose tables a batch changes and whose frames it maps. */
interface Owners {
  readonly tables: DomId;
  readonly mapped: DomId;
}

/**
 * mmu_update(requests, count, done, foreigndom): changes page-table entries and machine-to-physical entries. Low half of
 * `foreigndom`: whose frames are mapped; high half, if not 0: 1 + the domain whose tables are changed. [XEN xen.h]
 */
export const createMmuUpdate = ({ frames, longWork, findDomain }: MemoryParts): Hypercall => {
  const tableOwner = (call: HypercallContext, foreign: number): DomId | number => {
    const named = foreign >>> 16;
    if (named === 0) return call.domain.id;
    return named - 1 === call.domain.id ? call.domain.id : (findDomain(toDomId(named - 1))?.id ?? -ESRCH);
  };

  /** Foreign tables and foreign frames each need privilege; I/O space is checked frame by frame. */
  const updateError = ({ domain }: HypercallContext, { tables, mapped }: Owners): number => {
    const foreignFrames = mapped === DOMID_IO ? 0 : permissionError(domain, mapped);
    return foreignFrames !== 0 ? foreignFrames : permissionError(domain, tables);
  };

  const updateMachineToPhysical = (
    call: HypercallContext,
    owners: Owners,
    frame: Mfn,
    pfn: number,
  ): number => {
    if (owners.tables !== call.domain.id) return -EPERM;
    const denied = permissionError(call.domain, owners.mapped);
    if (denied !== 0) return denied;
    if (!frames.getPage(frame, owners.mapped)) return -EINVAL;
    frames.machineToPhysical.write(frame, pfn);
    frames.putPage(frame);
    return 0;
  };

  /** The table that an entry of a level leads to, if it is as wanted. */
  const leadsTo = (
    { low, high }: TableEntry,
    level: TableLevel,
    isWanted: (frame: Mfn) => boolean,
  ): TableTree | null => {
    const root = toMfn(entryFrame(low, high));
    const isTable = (low & PTE.present) !== 0 && frames.exists(root) && isWanted(root);
    return isTable ? { root, level: (level - 1) as TableLevel } : null;
  };

  const isNoTableYet = (frame: Mfn): boolean => frames.levelOf(frame) === 0;

  /** The trees of tables that a change of an entry validates and gives up; null where that is quick. */
  const treesOf = (
    { domain }: HypercallContext,
    { tables, mapped }: Owners,
    table: Mfn,
    address: number,
    value: TableEntry,
  ): Pick<TableRequest, "validates" | "givesUp"> | null => {
    if (tables !== mapped) return null;
    const level = frames.levelOf(table);
    if (level < LONG_LEVEL || frames.ownerOf(table) !== tables) return null;
    const owner = tables === domain.id ? domain : findDomain(tables);
    if (owner === null) return null;
    const index = Math.floor((address % PAGE_SIZE) / entryBytes(owner.width));
    const old = frames.readEntry(tables, table, index) ?? NO_ENTRY;
    if (entryFrame(old.low, old.high) === entryFrame(value.low, value.high)) return null;
    const validates = leadsTo(value, level as TableLevel, isNoTableYet);
    const givesUp = leadsTo(old, level as TableLevel, frames.isUsedOnce);
    return validates === null && givesUp === null ? null : { validates, givesUp };
  };

  const store = (owners: Owners, command: number, address: number, value: TableEntry): number =>
    frames.storeEntry(toMfn(Math.floor(address / PAGE_SIZE)), address % PAGE_SIZE, value, {
      domain: owners.tables,
      mapped: owners.mapped,
      preserveAccessedDirty: command === MMU_PT_UPDATE_PRESERVE_AD,
    });

  const perform: PerformRequest<Owners> = (call, request, owners) => {
    const { command, address, value } = readMmuUpdate(request, 0);
    // Where entries have 8 bytes, three bits say the command, and only four commands are known.
    if (call.width !== "x86_32" && (request.getUint32(0, true) & 4) !== 0) return -ENOSYS;
    const frame = toMfn(Math.floor(address / PAGE_SIZE));
    if (command === MMU_MACHPHYS_UPDATE) return updateMachineToPhysical(call, owners, frame, value.low);
    const denied = updateError(call, owners);
    if (denied !== 0) return denied;
    const trees = treesOf(call, owners, frame, address, value);
    const name = { command, subject: address, owner: owners.tables };
    const { vcpu } = call;
    if (trees !== null || (longWork.isUnderWay(vcpu) && longWork.isUnfinished(vcpu, name)))
      return longWork.run(call, {
        ...name,
        validates: trees?.validates ?? null,
        givesUp: trees?.givesUp ?? null,
        carryOut: () => store(owners, command, address, value),
      });
    const before = frames.work;
    const result = store(owners, command, address, value);
    call.charge(toNanoseconds((frames.work - before) * ENTRY_NS));
    return result;
  };

  const buffer = createRequestBuffer(MMU_UPDATE_BYTES);
  return {
    number: __HYPERVISOR_mmu_update,
    handle(call) {
      const batch = readBatch(call);
      if (!call.guest.isAllowed(batch.first, batch.count, MMU_UPDATE_BYTES)) return -EFAULT;
      const foreign = call.argument32(3);
      const tables = tableOwner(call, foreign);
      if (tables < 0) return tables;
      const mapped = pageOwner(call.domain, foreign & 0xffff, findDomain);
      if (mapped < 0) return refuseBatch(call, batch, mapped);
      const owners: Owners = { tables: toDomId(tables), mapped: toDomId(mapped) };
      return runBatch(call, batch, buffer, perform, owners);
    },
  };
};
