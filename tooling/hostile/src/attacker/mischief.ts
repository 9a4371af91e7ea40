import type { ChosenCall } from "../calls/choose.ts";
import type { Progress } from "../traffic/progress.ts";
import type { Attacker } from "./attacker.ts";
import { drawGrantStorm } from "./grant-storm.ts";
import { scribble } from "./scribble.ts";
import type { World } from "./world.ts";

/** What attackers do between two calls that count. */
export interface Mischief {
  readonly between: (world: World, sharedPages: Attacker["sharedPages"]) => readonly ChosenCall[];
  readonly progress: Progress;
}

/** One grant storm in so many calls, and one scribble. */
const STORM_EVERY = 30;
const SCRIBBLE_EVERY = 90;

/** Makes the mischief of an attack: until so many grant references have been tried. */
export const createMischief = (wanted: number): Mischief => {
  let references = 0;
  let storms = 0;
  let scribbles = 0;
  return {
    between(world, sharedPages) {
      const { draw } = world;
      if (references < wanted && draw.chance(STORM_EVERY)) {
        world.arena.clear();
        const storm = drawGrantStorm(world);
        references += storm.references;
        storms++;
        return [{ call: storm.call, operation: "mutated" }];
      }
      if (draw.chance(SCRIBBLE_EVERY)) {
        world.arena.clear();
        scribbles++;
        return [{ call: scribble({ world, sharedPages }), operation: null }];
      }
      return [];
    },
    get progress() {
      return {
        what: "corrupted grant references",
        done: references,
        wanted,
        details: { "calls that named them": storms, "scribbles over console and store pages": scribbles },
      };
    },
  };
};
