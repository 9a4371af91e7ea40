import { median } from "../cpu/statistics.ts";
import { figure, tableOf } from "../table.ts";
import { PHASE_NAMES, PHASES, type Phase, type Session } from "./session.ts";

/** Sessions of every runner, by its name, one per round. */
export type LinuxRounds = ReadonlyMap<string, readonly Session[]>;

/** The runner that others are measured against. */
const YARDSTICK = "qemu";
/** At most how many times as long as QEMU's TCG a phase may take; what is not here is told and not promised. */
const BOUNDS: Readonly<Partial<Record<Phase, number>>> = { boot: 2, loop: 2, forks: 2 };

/** Runners of whom it is promised: without any translations of earlier sessions, and with them. */
const PROMISING = ["xenolith", "again"] as const;

const msOf = (rounds: LinuxRounds, runner: string, phase: Phase): number =>
  median((rounds.get(runner) ?? []).map(({ ms }) => ms[phase]));

/** Time of a runner over QEMU's, taken within each round; the median of the rounds. */
export const ratioToQemu = (rounds: LinuxRounds, runner: string, phase: Phase): number => {
  const others = rounds.get(YARDSTICK) ?? [];
  return median(
    (rounds.get(runner) ?? []).map(({ ms }, round) => ms[phase] / (others[round]?.ms[phase] ?? Number.NaN)),
  );
};

const verdictOf = (ratio: number, bound: number | undefined): string => {
  if (bound === undefined) return "-";
  if (!Number.isFinite(ratio)) return "not measured";
  return `${ratio <= bound ? "kept" : "MISSED"}: at most ${bound}`;
};

/** A row per phase: seconds of each runner, ratios to QEMU, and whether what is promised was kept. */
export const linuxTable = (rounds: LinuxRounds): readonly string[] => {
  const runners = [...rounds.keys()];
  const promising = PROMISING.filter((name) => rounds.has(name));
  const compared = runners.filter((name) => name !== YARDSTICK && rounds.has(YARDSTICK));
  return tableOf([
    [
      "s",
      ...runners,
      ...compared.map((name) => `${name} / ${YARDSTICK}`),
      ...promising.map((name) => `promise, ${name}`),
    ],
    ...PHASES.map((phase) => [
      PHASE_NAMES[phase],
      ...runners.map((runner) => figure(msOf(rounds, runner, phase) / 1000)),
      ...compared.map((runner) => figure(ratioToQemu(rounds, runner, phase))),
      ...promising.map((name) => verdictOf(ratioToQemu(rounds, name, phase), BOUNDS[phase])),
    ]),
  ]);
};
