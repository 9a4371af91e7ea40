import type { ByteStream } from "@xenolith/backend-interface";
import type { Nanoseconds } from "@xenolith/machine-interface";
import type { DomId } from "@xenolith/xen-abi";
import type { EventPorts } from "./events.ts";
import type { Grants } from "./grants.ts";
import type { Timers } from "./timers.ts";

/**
 * A domain from inside, as drivers and kernels written in TypeScript see their own. Everything runs to completion: no
 * operation waits and none returns a Promise. A driver does not know which domain it lives in, nor who provides this.
 */
export interface Domain {
  readonly id: DomId;
  readonly events: EventPorts;
  readonly grants: Grants;
  readonly timers: Timers;
  /** Connection to xenstore in its wire protocol. [XEN io/xs_wire.h] */
  readonly store: ByteStream;
  /** Accounts for processor time that the work just done would have cost. Under virtual time this is what it takes. */
  charge(costNs: Nanoseconds): void;
}
