import type { Mfn } from "@xenolith/machine-interface";
import {
  GNTST_bad_domain,
  GNTST_bad_page,
  GNTST_general_error,
  GNTST_okay,
  GTF_accept_transfer,
  GTF_transfer_committed,
  GTF_transfer_completed,
} from "@xenolith/xen-abi/grant-table";
import type { GrantContext } from "./grant-context.ts";
import { type GrantTable, isReference } from "./grant-table.ts";
import type { TransferRequest } from "./types.ts";

/** Whether the receiver's entry accepts a page of the sender's. If so, the entry says that it is under way. */
const commit = (
  { entries }: GrantContext,
  receiver: GrantTable,
  ref: number,
  sender: GrantTable,
): boolean => {
  if (!isReference(receiver, ref)) return false;
  const flags = entries.flags(receiver, ref);
  if (flags !== GTF_accept_transfer || entries.domid(receiver, ref) !== sender.id) return false;
  entries.setFlags(receiver, ref, flags | GTF_transfer_committed);
  return true;
};

/** Gives a page that the sender has lost already to the receiver. */
const give = (context: GrantContext, sender: GrantTable, frame: Mfn, request: TransferRequest): number => {
  const { frames } = context.host;
  const receiver = context.named(request.domid);
  if (receiver === null) return GNTST_bad_domain;
  if (!frames.assign(frame, receiver.id)) return GNTST_general_error;
  if (!commit(context, receiver, request.ref, sender)) {
    frames.steal(frame, receiver.id);
    return GNTST_general_error;
  }
  const { entries } = context;
  const flags = entries.flags(receiver, request.ref);
  // The receiver's entry named the pseudo-physical page that the frame is to be; from now on it names the frame.
  frames.setPhysicalNumber(frame, entries.offered(receiver, request.ref, 0).frame >>> 0);
  entries.setFrame(receiver, request.ref, frame);
  entries.setFlags(receiver, request.ref, flags | GTF_transfer_completed);
  return GNTST_okay;
};

/**
 * GNTTABOP_transfer: a page changes its owner, contents and all. Once it has been taken from the sender it is not given
 * back, whatever is wrong with the receiver. [XEN grant_table.h]
 */
export const transferPage = (context: GrantContext, sender: GrantTable, request: TransferRequest): number => {
  const { frames } = context.host;
  const frame = request.mfn as Mfn;
  if (!frames.steal(frame, sender.id)) return GNTST_bad_page;
  const status = give(context, sender, frame, request);
  if (status !== GNTST_okay) frames.discard(frame);
  return status;
};
