import * as alarm from "@xenolith/xen-abi/alarm";
import type { World } from "../../attacker/world.ts";
import { type AttackOperation, BAD_POINTER, call, failing, refused } from "../build.ts";
import type { Call, ErrorCase } from "../call.ts";

const alarmOp = (command: number, at = 0): Call => call(alarm.__HYPERVISOR_alarm_op, command, at);

const badPointer = (command: number): ErrorCase<World> =>
  failing(BAD_POINTER, (world) => alarmOp(command, world.badAddress()));

/** A deadline that has passed, is near, or is beyond all time. */
const drawDeadline = ({ draw }: World, nowNs: number): number =>
  draw.chance(4) ? draw.next32() * 2 ** 31 : nowNs + draw.below(200_000) - 50_000;

const arming = (name: string, command: number): AttackOperation => ({
  name: `alarm_op ${name}`,
  succeeds: (world) => {
    const deadlineNs = Math.max(0, drawDeadline(world, world.now()));
    return alarmOp(command, world.arena.putStruct(alarm.ALARM_DEADLINE, { deadlineNs }));
  },
  errors: { EFAULT: badPointer(command) },
});

const cancelling = (name: string, command: number): AttackOperation => ({
  name: `alarm_op ${name}`,
  succeeds: (world) => alarmOp(command, world.draw.chance(2) ? 0 : world.badAddress()),
  errors: {},
});

/** alarm_op by command, which attackers may make. */
export const alarmOperations: readonly AttackOperation[] = [
  {
    name: "alarm_op get_times",
    succeeds: (world) => alarmOp(alarm.ALARMOP_get_times, world.arena.reserve(16)),
    errors: {
      EFAULT: failing(BAD_POINTER, (world) =>
        alarmOp(alarm.ALARMOP_get_times, world.draw.chance(2) ? world.badAddress() : world.readOnlyAddress()),
      ),
    },
  },
  arming("set_real", alarm.ALARMOP_set_real),
  cancelling("cancel_real", alarm.ALARMOP_cancel_real),
  arming("set_virtual", alarm.ALARMOP_set_virtual),
  cancelling("cancel_virtual", alarm.ALARMOP_cancel_virtual),
  refused("alarm_op, an unknown command", "there is no such command", {
    EINVAL: failing("the command is not known", (world) =>
      alarmOp(5 + (world.draw.next32() >>> 1), world.arena.reserve(16)),
    ),
  }),
];
