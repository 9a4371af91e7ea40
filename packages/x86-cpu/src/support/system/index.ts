import type { SupportFunction } from "../support-function.ts";
import { SKIP_INTERRUPT_FLAG } from "./absent-ports.ts";
import { BOUNCE_FAULT, BOUNCE_TRAP } from "./bounce.ts";
import { ENTER_SYSTEM, LEAVE_SYSTEM } from "./fast-calls.ts";
import { FLAG_IMAGE, SET_ARITHMETIC_FLAGS } from "./flag-image.ts";
import { ANSWER_IDENTITY } from "./identification.ts";
import { ENTER_INTERRUPT } from "./interrupt-entry.ts";
import { RETURN_FROM_INTERRUPT } from "./interrupt-exit.ts";
import { RESTORE_LEGACY_AREA, SAVE_LEGACY_AREA } from "./legacy-area.ts";
import {
  LOCATE_READ,
  LOCATE_READ_WIDE,
  LOCATE_WRITE,
  LOCATE_WRITE_WIDE,
  READ_DESCRIPTOR,
} from "./linear-access.ts";
import { DELIVER_PAGE_FAULT } from "./page-fault.ts";
import { FORGET_PAGE, INTERRUPT_REQUESTED } from "./page-invalidation.ts";
import { PORT_IN, PORT_OUT, READ_TIMESTAMP } from "./ports.ts";
import { LOAD_DATA_SEGMENT, LOAD_STACK_SEGMENT, SET_INTERRUPTS } from "./segment-loads.ts";
import { CALL_MONITOR } from "./side-gates.ts";
import { RETURN_FROM_INTERRUPT_WIDE } from "./wide-interrupt-exit.ts";

/** System instructions in their usual case, and what they are made of. */
export const SYSTEM_FUNCTIONS: readonly SupportFunction[] = [
  LOCATE_READ,
  LOCATE_WRITE,
  LOCATE_READ_WIDE,
  LOCATE_WRITE_WIDE,
  READ_DESCRIPTOR,
  FLAG_IMAGE,
  SET_ARITHMETIC_FLAGS,
  ENTER_INTERRUPT,
  DELIVER_PAGE_FAULT,
  BOUNCE_FAULT,
  BOUNCE_TRAP,
  RETURN_FROM_INTERRUPT,
  RETURN_FROM_INTERRUPT_WIDE,
  LOAD_DATA_SEGMENT,
  LOAD_STACK_SEGMENT,
  SET_INTERRUPTS,
  ENTER_SYSTEM,
  LEAVE_SYSTEM,
  CALL_MONITOR,
  ANSWER_IDENTITY,
  SAVE_LEGACY_AREA,
  RESTORE_LEGACY_AREA,
  SKIP_INTERRUPT_FLAG,
  FORGET_PAGE,
  INTERRUPT_REQUESTED,
  PORT_OUT,
  PORT_IN,
  READ_TIMESTAMP,
];
