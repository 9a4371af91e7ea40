import type { World } from "../attacker/world.ts";
import { drawOdd, drawOddLong } from "../draw.ts";
import type { Call } from "./call.ts";

/** Changes one thing about a call that has been made up: an argument, a bit of one, or a word of what it points to. */
export const mutate = (world: World, { number, arguments: given, stackPointer }: Call): Call => {
  const { draw, arena, isWide } = world;
  const changed = Array.from({ length: 5 }, (_, index) => given[index] ?? 0);
  const position = draw.below(Math.max(1, Math.min(5, given.length + 1)));
  switch (draw.below(4)) {
    case 0:
      changed[position] = isWide ? drawOddLong(draw) : drawOdd(draw);
      break;
    case 1:
      changed[position] = BigInt(changed[position] ?? 0) ^ (1n << BigInt(draw.below(isWide ? 64 : 32)));
      break;
    default:
      arena.corrupt(drawOdd(draw));
  }
  return { number, arguments: changed, ...(stackPointer === undefined ? {} : { stackPointer }) };
};
