import { describe, expect, it } from "vitest";
import { LineClock } from "../../src/virtualisation/line-clock.ts";

const busy = (ms: number): void => {
  const { user } = process.cpuUsage();
  while (process.cpuUsage().user - user < 1000 * ms);
};

const say = (clock: LineClock, line: string): void => {
  for (const character of `${line}\n`) clock.take(character.charCodeAt(0));
};

describe("the clock of a yardstick's lines", () => {
  it("counts from S to E while its writer runs, and not in between", () => {
    const clock = new LineClock();
    clock.go();
    say(clock, "S a1_alu 0 12 1");
    busy(5);
    clock.stop();
    busy(60);
    clock.go();
    say(clock, "E a1_alu 0 4711 276");
    expect(clock.repetitions).toHaveLength(1);
    const [repetition] = clock.repetitions;
    expect(repetition).toMatchObject({ kernel: "a1_alu", checksum: "4711" });
    expect(repetition?.ms).toBeGreaterThanOrEqual(5);
    expect(repetition?.ms).toBeLessThan(60);
  });
});
