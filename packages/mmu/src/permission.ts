import { ACCESS, type Access } from "@xenolith/machine-interface";
import { PAGE_FAULT } from "@xenolith/x86-architecture";
import type { Space } from "./space.ts";

/** Rights of a page. */
export interface PageRights {
  readonly writable: boolean;
  readonly user: boolean;
  readonly noExecute: boolean;
}

/** Whether an access to a page with these rights is allowed. [SDM3A-4.6] */
export const isPermitted = (space: Space, rights: PageRights, access: Access): boolean => {
  const byUser = (access & ACCESS.user) !== 0;
  if (byUser && !rights.user) return false;
  switch (access & ACCESS.kindMask) {
    case ACCESS.write:
      return rights.writable || (!byUser && !space.context.writeProtect);
    case ACCESS.execute:
      if (rights.noExecute) return false;
      return byUser || !rights.user || !space.context.supervisorExecutionPrevention;
    default:
      return true;
  }
};

/**
 * Error code of a page fault. [SDM3A-4.7]
 * @param cause bits P and RSVD
 */
export const faultCode = (space: Space, access: Access, cause: number): number => {
  const kind = access & ACCESS.kindMask;
  return (
    cause |
    (kind === ACCESS.write ? PAGE_FAULT.write : 0) |
    (access & ACCESS.user ? PAGE_FAULT.user : 0) |
    (kind === ACCESS.execute && space.reportsFetch ? PAGE_FAULT.instruction : 0)
  );
};
