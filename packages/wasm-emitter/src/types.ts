/** Types of WebAssembly values, by their encoding. [WASM 5.3.1] */
export const TYPE = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;

/** One value of {@link TYPE}. */
export type ValueType = (typeof TYPE)[keyof typeof TYPE];

/** A mistake in the program that emits: types that do not match, blocks left open. Never caused by emitted code's input. */
export class EmitterError extends Error {
  override readonly name = "EmitterError";
}
