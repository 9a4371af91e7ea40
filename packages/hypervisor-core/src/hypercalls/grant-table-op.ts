import type { GrantTables } from "@xenolith/grant-tables";
import { toNanoseconds } from "@xenolith/machine-interface";
import { EFAULT, EINVAL, ENOSYS, longBytes } from "@xenolith/xen-abi";
import {
  GNTST_bad_virt_addr,
  GNTST_okay,
  GNTTAB_COPY,
  GNTTAB_GET_STATUS_FRAMES,
  GNTTAB_GET_VERSION,
  GNTTAB_MAP_GRANT_REF,
  GNTTAB_QUERY_SIZE,
  GNTTAB_SET_VERSION,
  GNTTAB_SETUP_TABLE,
  GNTTAB_SWAP_GRANT_REF,
  GNTTAB_UNMAP_GRANT_REF,
  GNTTABOP_copy,
  GNTTABOP_get_status_frames,
  GNTTABOP_get_version,
  GNTTABOP_map_grant_ref,
  GNTTABOP_query_size,
  GNTTABOP_set_version,
  GNTTABOP_setup_table,
  GNTTABOP_swap_grant_ref,
  GNTTABOP_unmap_grant_ref,
  type GnttabSetupTable,
} from "@xenolith/xen-abi/grant-table";
import type { Struct } from "@xenolith/xen-abi/struct";
import { __HYPERVISOR_grant_table_op } from "@xenolith/xen-abi/xen";
import type { Hypercall, HypercallContext, HypercallResult } from "./context.ts";

/** Charged for each request, so that a long batch is done piece by piece. */
const REQUEST_COST = toNanoseconds(200);

/** Carries out one request at a guest address. @returns 0, or a negative errno that ends the call. */
type Request = (call: HypercallContext, at: number) => number;

interface Operation {
  readonly size: (call: HypercallContext) => number;
  readonly perform: Request;
  /** Takes any number of requests; others take exactly one. */
  readonly isBatch: boolean;
}

/** Decodes a request once, carries it out, and writes back the fields it answers with. */
const operation = <Fields extends object>(
  isBatch: boolean,
  type: Struct<Fields>,
  act: (call: HypercallContext, request: Fields) => Partial<Fields> | number,
): Operation => ({
  isBatch,
  size: (call) => type.size(call.width),
  perform(call, at) {
    const { guest, width } = call;
    const view = guest.read(at, type.size(width));
    if (view === null) return -EFAULT;
    const answer = act(call, type.read(view, 0, width));
    if (typeof answer === "number") return answer;
    type.update(view, 0, width, answer);
    return guest.write(at, view) ? 0 : -EFAULT;
  },
});

/** Grows the table and tells its frames. The list that does not take them all is the status, not the answer of the call. */
const setupTable = (
  grants: GrantTables,
  { domain, guest, width }: HypercallContext,
  { dom, nrFrames, frameList }: GnttabSetupTable,
): Partial<GnttabSetupTable> => {
  const { status, frames } = grants.setupTable(domain.id, dom, nrFrames);
  if (status !== GNTST_okay) return { status };
  const bytes = longBytes(width);
  const list = new DataView(new ArrayBuffer(frames.length * bytes));
  for (const [index, frame] of frames.entries()) list.setUint32(index * bytes, frame, true);
  return { status: guest.write(frameList, list) ? GNTST_okay : GNTST_bad_virt_addr };
};

const operationsOf = (grants: GrantTables): ReadonlyMap<number, Operation> =>
  new Map<number, Operation>([
    [
      GNTTABOP_map_grant_ref,
      operation(true, GNTTAB_MAP_GRANT_REF, ({ domain }, request) => {
        const result = grants.mapGrantRef(domain.id, request);
        return result.status === GNTST_okay ? result : { status: result.status };
      }),
    ],
    [
      GNTTABOP_unmap_grant_ref,
      operation(true, GNTTAB_UNMAP_GRANT_REF, ({ domain }, request) => ({
        status: grants.unmapGrantRef(domain.id, request),
      })),
    ],
    [
      GNTTABOP_copy,
      operation(true, GNTTAB_COPY, ({ domain }, request) => ({ status: grants.copy(domain.id, request) })),
    ],
    [
      GNTTABOP_setup_table,
      operation(false, GNTTAB_SETUP_TABLE, (call, request) => setupTable(grants, call, request)),
    ],
    [
      GNTTABOP_query_size,
      operation(false, GNTTAB_QUERY_SIZE, ({ domain }, request) => grants.querySize(domain.id, request.dom)),
    ],
    [
      GNTTABOP_set_version,
      operation(false, GNTTAB_SET_VERSION, ({ domain }, { version }) => {
        const result = grants.setVersion(domain.id, version);
        return result < 0 ? result : { version };
      }),
    ],
    [
      GNTTABOP_get_version,
      operation(false, GNTTAB_GET_VERSION, ({ domain }, { dom }) => {
        const version = grants.getVersion(domain.id, dom);
        return version < 0 ? version : { version };
      }),
    ],
    [
      GNTTABOP_get_status_frames,
      operation(false, GNTTAB_GET_STATUS_FRAMES, ({ domain }, { dom, nrFrames }) => ({
        status: grants.getStatusFrames(domain.id, dom, nrFrames),
      })),
    ],
    [
      GNTTABOP_swap_grant_ref,
      operation(true, GNTTAB_SWAP_GRANT_REF, ({ domain }, { refA, refB }) => ({
        status: grants.swapGrantRef(domain.id, refA, refB),
      })),
    ],
  ]);

/** grant_table_op(command, requests, count). Each request has its own status. [XEN grant_table.h] */
export const createGrantTableOp = (grants: GrantTables): Hypercall => {
  const operations = operationsOf(grants);

  const performAll = (
    call: HypercallContext,
    { size, perform }: Operation,
    count: number,
  ): HypercallResult => {
    const first = call.argument(1);
    const requestBytes = size(call);
    if (!call.guest.isAllowed(first, count, requestBytes)) return -EFAULT;
    for (let index = 0; index < count; index++) {
      const at = first + index * requestBytes;
      if (index > 0 && call.shouldPreempt()) return call.restart([call.argument(0), at, count - index]);
      const result = perform(call, at);
      if (result < 0) return result;
      call.charge(REQUEST_COST);
    }
    return 0;
  };

  return {
    number: __HYPERVISOR_grant_table_op,
    handle(call) {
      const operation = operations.get(call.argument32(0));
      const count = call.argument32(2);
      // A count is an int: what is negative as one is refused.
      if (count > 0x7fff_ffff) return -EINVAL;
      if (operation === undefined) return -ENOSYS;
      if (!operation.isBatch && count !== 1) return -EINVAL;
      return performAll(call, operation, count);
    },
  };
};
