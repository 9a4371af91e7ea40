import * as version from "@xenolith/xen-abi/version";
import { __HYPERVISOR_xen_version } from "@xenolith/xen-abi/xen";
import type { World } from "../../attacker/world.ts";
import { type AttackOperation, BAD_POINTER, call, failing, refused } from "../build.ts";
import type { Call, ErrorCase } from "../call.ts";

const ask = (command: number, at: number): Call => call(__HYPERVISOR_xen_version, command, at);

const unwritable = (command: number): ErrorCase<World> =>
  failing(BAD_POINTER, (world) =>
    ask(command, world.draw.chance(2) ? world.badAddress() : world.readOnlyAddress()),
  );

const tells = (name: string, command: number): AttackOperation => ({
  name: `xen_version ${name}`,
  succeeds: (world) => ask(command, world.arena.reserve(1024)),
  errors: { EFAULT: unwritable(command) },
});

const privileged = (name: string, command: number): AttackOperation =>
  refused(`xen_version ${name}`, "only a privileged domain is told", {
    EPERM: failing("the caller is not privileged", (world) => ask(command, world.arena.reserve(1024))),
  });

const submap = (world: World, submapIdx: number): Call =>
  ask(
    version.XENVER_get_features,
    world.arena.putStruct(version.XEN_FEATURE_INFO, { submapIdx, submap: world.draw.next32() }),
  );

/** xen_version by command. [XEN version.h] */
export const versionOperations: readonly AttackOperation[] = [
  {
    name: "xen_version version",
    succeeds: (world) => ask(version.XENVER_version, world.draw.next32()),
    errors: {},
  },
  tells("extraversion", version.XENVER_extraversion),
  tells("compile_info", version.XENVER_compile_info),
  tells("capabilities", version.XENVER_capabilities),
  tells("changeset", version.XENVER_changeset),
  tells("platform_parameters", version.XENVER_platform_parameters),
  {
    name: "xen_version get_features",
    succeeds: (world) => submap(world, 0),
    errors: {
      EFAULT: failing(BAD_POINTER, (world) => ask(version.XENVER_get_features, world.badAddress())),
      EINVAL: failing("there is no such submap", (world) => submap(world, 1 + (world.draw.next32() >>> 1))),
    },
  },
  {
    name: "xen_version pagesize",
    succeeds: () => ask(version.XENVER_pagesize, 0),
    errors: {
      EINVAL: failing("it takes no argument", (world) =>
        ask(version.XENVER_pagesize, 1 + (world.draw.next32() >>> 1)),
      ),
    },
  },
  tells("guest_handle", version.XENVER_guest_handle),
  tells("commandline", version.XENVER_commandline),
  privileged("build_id", version.XENVER_build_id),
  refused("xen_version, an unknown command", "there is no such command", {
    ENOSYS: failing("the command is not known", (world) =>
      ask(11 + (world.draw.next32() >>> 1), world.arena.reserve(64)),
    ),
  }),
];
