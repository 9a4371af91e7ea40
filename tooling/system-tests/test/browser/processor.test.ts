import { createContext, runInContext } from "node:vm";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

/** What a page might do with a processor. */
const PAGE = `
  import { createFlatMachine } from "@xenolith/bare-machine";
  import { decode, formatInstruction } from "@xenolith/x86-cpu/decoder";
  import { createTraceReader, createTraceWriter } from "@xenolith/x86-cpu/trace";

  const machine = createFlatMachine({ mode: "long-flat", memoryMib: 4 });
  // lea rax, [rdi+rdi*4]; ret
  const code = Uint8Array.of(0x48, 0x8d, 0x04, 0xbf, 0xc3);
  machine.write(0x1000, code);
  const texts = [];
  const reader = createTraceReader(({ text }) => texts.push(text));
  const writer = createTraceWriter((chunk) => reader.push(chunk));
  machine.processor.onInstruction(writer.add);
  const stop = machine.call(0x1000, [9]);
  writer.end();
  globalThis.answer = JSON.stringify({
    value: String(stop.value),
    texts,
    first: formatInstruction(decode(code, 0, code.length, 8), 0x1000),
  });
`;

describe("the processor in a browser", () => {
  it("is bundled without anything of Node's, and runs with what browsers and Node have in common", async () => {
    const { outputFiles, metafile } = await build({
      stdin: { contents: PAGE, resolveDir: import.meta.dirname },
      bundle: true,
      write: false,
      metafile: true,
      platform: "browser",
      format: "iife",
      target: "es2023",
      conditions: ["@xenolith/source"],
    });
    const imported = Object.values(metafile.inputs).flatMap(({ imports }) => imports.map(({ path }) => path));
    expect(imported.filter((path) => path.startsWith("node:"))).toEqual([]);
    const page = createContext({ WebAssembly, TextEncoder, TextDecoder });
    runInContext(outputFiles[0]?.text ?? "", page);
    const answer: unknown = JSON.parse(String(runInContext("globalThis.answer", page)));
    const texts = ["lea rax, [rdi+rdi*4]", "ret"];
    expect(answer).toEqual({ value: "45", texts, first: texts[0] });
  });
});
