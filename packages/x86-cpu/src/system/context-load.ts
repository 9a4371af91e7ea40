import { type PackedFault, SEGMENT, type SegmentIndex } from "@xenolith/x86-architecture";
import type { ProcessorCore } from "../engine/system-operations.ts";
import { lookUpCode, prepareCodeSegment } from "./code-segment.ts";
import { isConformingCode, privilegeOf, selectorError } from "./descriptor.ts";
import { generalProtection } from "./faults.ts";
import { paragraphSegment, usesParagraphs } from "./real-mode.ts";
import { loadSegmentRegister } from "./segment-load.ts";
import { loadLocalTable, loadTaskRegister } from "./system-segments.ts";

/**
 * Loads any segment register on behalf of whoever holds the context (`VcpuContext.loadSegment`): CS as a return does, to
 * the privilege its RPL says; the others with the checks of their instructions at the privilege in force, so CS goes first.
 * @returns 0, or the fault; then nothing has changed.
 */
export const loadContextSegment = (
  core: ProcessorCore,
  index: SegmentIndex,
  selector: number,
): PackedFault | 0 => {
  switch (index) {
    case SEGMENT.cs:
      return loadCode(core, selector);
    case SEGMENT.ldtr:
      return loadLocalTable(core, selector);
    case SEGMENT.tr:
      return loadTaskRegister(core, selector);
    default:
      return loadSegmentRegister(core, index, selector);
  }
};

const loadCode = (core: ProcessorCore, selector: number): PackedFault | 0 => {
  const { state } = core;
  if (usesParagraphs(state)) {
    state.setSegment(SEGMENT.cs, paragraphSegment(state, SEGMENT.cs, selector));
    return 0;
  }
  const code = lookUpCode(core, selector);
  if (typeof code === "number") return code;
  const requested = selector & 3;
  const privilege = privilegeOf(code);
  const fits = isConformingCode(code) ? privilege <= requested : privilege === requested;
  if (!fits) return generalProtection(selectorError(selector));
  const segment = prepareCodeSegment(core, code, requested, 0);
  if (typeof segment === "number") return segment;
  state.setSegment(SEGMENT.cs, segment);
  return 0;
};
