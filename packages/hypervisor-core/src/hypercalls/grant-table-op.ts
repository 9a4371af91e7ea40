import type { GrantTables, SetupResult } from "@xenolith/grant-tables";
import { toNanoseconds } from "@xenolith/machine-interface";
import { EFAULT, EINVAL, ENOSYS, longBytes } from "@xenolith/xen-abi";
import {
  GNTST_bad_virt_addr,
  GNTST_okay,
  GNTTAB_CACHE_FLUSH,
  GNTTAB_COPY,
  GNTTAB_GET_STATUS_FRAMES,
  GNTTAB_GET_VERSION,
  GNTTAB_MAP_GRANT_REF,
  GNTTAB_QUERY_SIZE,
  GNTTAB_SET_VERSION,
  GNTTAB_SETUP_TABLE,
  GNTTAB_SWAP_GRANT_REF,
  GNTTAB_TRANSFER,
  GNTTAB_UNMAP_AND_REPLACE,
  GNTTAB_UNMAP_GRANT_REF,
  GNTTABOP_cache_flush,
  GNTTABOP_copy,
  GNTTABOP_get_status_frames,
  GNTTABOP_get_version,
  GNTTABOP_map_grant_ref,
  GNTTABOP_query_size,
  GNTTABOP_set_version,
  GNTTABOP_setup_table,
  GNTTABOP_swap_grant_ref,
  GNTTABOP_transfer,
  GNTTABOP_unmap_and_replace,
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

/** How many requests an operation takes: any number, exactly one, or one whatever the count says. */
type CountRule = "batch" | "one" | "ignored";

interface Operation {
  readonly size: (call: HypercallContext) => number;
  readonly perform: Request;
  readonly count: CountRule;
}

/** Fields to write back, and the answer of the call if it is not 0. */
interface Answer<Fields> {
  readonly fields: Partial<Fields>;
  readonly error: number;
}

/** Decodes a request once, carries it out, and writes back the fields it answers with. */
const operation = <Fields extends object>(
  count: CountRule,
  type: Struct<Fields>,
  act: (call: HypercallContext, request: Fields) => Answer<Fields> | number,
): Operation => ({
  count,
  size: (call) => type.size(call.width),
  perform(call, at) {
    const { guest, width } = call;
    const view = guest.read(at, type.size(width));
    if (view === null) return -EFAULT;
    const answer = act(call, type.read(view, 0, width));
    if (typeof answer === "number") return answer;
    type.update(view, 0, width, answer.fields);
    return guest.write(at, view) ? answer.error : -EFAULT;
  },
});

/** Answers with fields; the call itself succeeds. */
const fields = <Fields>(values: Partial<Fields>): Answer<Fields> => ({ fields: values, error: 0 });

/** An operation that answers each request with a status and nothing else. */
const statusOperation = <Fields extends { readonly status: number }>(
  type: Struct<Fields>,
  act: (call: HypercallContext, request: Fields) => number,
): Operation =>
  operation("batch", type, (call, request) =>
    fields<Fields>({ status: act(call, request) } as Partial<Fields>),
  );

/** Writes frame numbers of `bytes` bytes each. A list that does not take them all is the status, not the answer of the call. */
const listFrames = (
  { guest }: HypercallContext,
  at: number,
  bytes: number,
  { status, frames }: SetupResult,
): number => {
  if (status !== GNTST_okay) return status;
  const list = new DataView(new ArrayBuffer(frames.length * bytes));
  for (const [index, frame] of frames.entries()) list.setUint32(index * bytes, frame, true);
  return guest.write(at, list) ? GNTST_okay : GNTST_bad_virt_addr;
};

/** Grows the table and tells its frames. */
const setupTable = (
  grants: GrantTables,
  call: HypercallContext,
  { dom, nrFrames, frameList }: GnttabSetupTable,
): Answer<GnttabSetupTable> | number => {
  const bytes = longBytes(call.width);
  if (!call.guest.isAllowed(frameList, nrFrames, bytes)) return -EFAULT;
  const result = grants.setupTable(call.domain.id, dom, nrFrames);
  return fields({ status: listFrames(call, frameList, bytes, result) });
};

/** Bytes of a status frame's number: 64 bits in all widths. */
const STATUS_FRAME_BYTES = 8;

const operationsOf = (grants: GrantTables): ReadonlyMap<number, Operation> =>
  new Map<number, Operation>([
    [
      GNTTABOP_map_grant_ref,
      operation("batch", GNTTAB_MAP_GRANT_REF, ({ domain }, request) => {
        const result = grants.mapGrantRef(domain.id, request);
        return fields(result.status === GNTST_okay ? result : { status: result.status });
      }),
    ],
    [
      GNTTABOP_unmap_grant_ref,
      statusOperation(GNTTAB_UNMAP_GRANT_REF, ({ domain }, request) =>
        grants.unmapGrantRef(domain.id, request),
      ),
    ],
    [
      GNTTABOP_unmap_and_replace,
      statusOperation(GNTTAB_UNMAP_AND_REPLACE, ({ domain }, request) =>
        grants.unmapAndReplace(domain.id, request),
      ),
    ],
    [
      GNTTABOP_transfer,
      statusOperation(GNTTAB_TRANSFER, ({ domain }, request) => grants.transfer(domain.id, request)),
    ],
    [GNTTABOP_copy, statusOperation(GNTTAB_COPY, ({ domain }, request) => grants.copy(domain.id, request))],
    [
      GNTTABOP_swap_grant_ref,
      statusOperation(GNTTAB_SWAP_GRANT_REF, ({ domain }, { refA, refB }) =>
        grants.swapGrantRef(domain.id, refA, refB),
      ),
    ],
    [
      GNTTABOP_cache_flush,
      operation("batch", GNTTAB_CACHE_FLUSH, ({ domain }, request) => grants.flushCache(domain.id, request)),
    ],
    [
      GNTTABOP_setup_table,
      operation("one", GNTTAB_SETUP_TABLE, (call, request) => setupTable(grants, call, request)),
    ],
    [
      GNTTABOP_query_size,
      operation("one", GNTTAB_QUERY_SIZE, ({ domain }, request) => {
        const result = grants.querySize(domain.id, request.dom);
        return fields(result.status === GNTST_okay ? result : { status: result.status });
      }),
    ],
    [
      GNTTABOP_get_status_frames,
      operation("one", GNTTAB_GET_STATUS_FRAMES, (call, { dom, nrFrames, frameList }) => {
        const result = grants.getStatusFrames(call.domain.id, dom, nrFrames);
        return fields({ status: listFrames(call, frameList, STATUS_FRAME_BYTES, result) });
      }),
    ],
    [
      GNTTABOP_set_version,
      operation("ignored", GNTTAB_SET_VERSION, ({ domain }, request) => {
        const { error, version } = grants.setVersion(domain.id, request.version);
        return { fields: { version }, error };
      }),
    ],
    [
      GNTTABOP_get_version,
      operation("ignored", GNTTAB_GET_VERSION, ({ domain }, { dom }) => {
        const version = grants.getVersion(domain.id, dom);
        return version < 0 ? version : fields({ version });
      }),
    ],
  ]);

/** Bits of the command that say the operation. Those above belong to a cache flush that is continued. */
const COMMAND_MASK = 0xfff;

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
      const command = call.argument32(0);
      const count = call.argument32(2);
      // A count is an int: what is negative as one is refused.
      if (count > 0x7fff_ffff) return -EINVAL;
      const isPlain = command <= COMMAND_MASK;
      if (!isPlain && (command & COMMAND_MASK) !== GNTTABOP_cache_flush) return -EINVAL;
      const operation = operations.get(command & COMMAND_MASK);
      if (operation === undefined) return -ENOSYS;
      if (operation.count === "one" && count !== 1) return -EINVAL;
      return performAll(call, operation, operation.count === "ignored" ? 1 : count);
    },
  };
};
