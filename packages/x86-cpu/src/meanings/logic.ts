import { and, arithmetic, xor } from "@xenolith/wasm-emitter";
import { ALL_SIZES, type Definition, type Meaning } from "./definition.ts";

const bitwise =
  (operation: "and" | "or" | "xor"): Meaning =>
  (m) => {
    const target = m.modify(0);
    const b = m.pin(m.read(1));
    const result = m.pin(arithmetic(operation, target.get(), b));
    target.set(result);
    m.setLogicFlags(result);
  };

const testMeaning: Meaning = (m) => {
  const a = m.pin(m.read(0));
  m.setLogicFlags(m.pin(and(a, m.read(1))));
};

const notMeaning: Meaning = (m) => {
  const target = m.modify(0);
  target.set(xor(target.get("any"), -1));
};

/** AND OR XOR TEST NOT. [SDM2A-3.2] [SDM2B-4.3] */
export const logic: readonly Definition[] = [
  ...(["and", "or", "xor"] as const).map((name) => ({
    mnemonic: name,
    sizes: ALL_SIZES,
    forms: ["rr", "rm", "mr", "ri", "mi"],
    meaning: bitwise(name),
  })),
  { mnemonic: "test", sizes: ALL_SIZES, forms: ["rr", "mr", "ri", "mi"], meaning: testMeaning },
  { mnemonic: "not", sizes: ALL_SIZES, forms: ["r", "m"], meaning: notMeaning },
];
