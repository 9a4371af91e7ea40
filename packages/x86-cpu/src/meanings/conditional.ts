import { convert, select } from "@xenolith/wasm-emitter";
import { CONDITIONS } from "../decoder/opcode-table.ts";
import { type Definition, exactly, WORD_SIZES } from "./definition.ts";

/** SETcc and CMOVcc. CMOVcc reads its source whatever the condition. [SDM2A-3.2] [SDM2B-4.3] */
export const conditional: readonly Definition[] = CONDITIONS.flatMap(
  (name, encoding): readonly Definition[] => [
    {
      mnemonic: `set${name}`,
      sizes: exactly(1),
      forms: ["r", "m"],
      meaning: (m) => m.write(0, m.condition(encoding)),
    },
    {
      mnemonic: `cmov${name}`,
      sizes: WORD_SIZES,
      forms: ["rr", "rm"],
      meaning: (m) => {
        const source = m.pin(m.read(1, "any"));
        const condition = m.condition(encoding);
        m.write(0, convert(select(source, m.read(0, "any"), condition), m.type));
      },
    },
  ],
);
