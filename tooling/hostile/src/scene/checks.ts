import type { AssembledHost } from "@xenolith/host/testing";
import { toDomId } from "@xenolith/xen-abi";
import type { Failures } from "./failures.ts";

/** Looks whether everything that always has to hold holds now. */
export const checkHost = ({ host, hypervisor, xenstored }: AssembledHost, failures: Failures): void => {
  const uses = hypervisor.grants.uses();
  const violations = hypervisor.frames.checkInvariants({
    mayMap: (domain, frame, writable) =>
      uses.some(
        (use) =>
          use.user === domain &&
          use.frame === frame &&
          (use.hostWrites > 0 || (!writable && use.hostReads > 0)),
      ),
  });
  for (const { frame, problem } of violations.slice(0, 5)) failures.add(`frame ${frame} ${problem}`);
  const store = xenstored.check();
  if (store !== null) failures.add(`xenstored: ${store}`);
  const control = host.control.describe(toDomId(0));
  if (control === null || control.shutdownReason !== null) failures.add("domain 0 has stopped");
};
