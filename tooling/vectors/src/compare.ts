import type { ExpectedFault, Latitude, Vector } from "./vector-file.ts";

/** Flags that are compared: CF PF AF ZF SF DF OF. */
const COMPARED_FLAGS = 0xcd5n;

/** Bits of the x87 status word that transcendental functions may set otherwise: PE and C1. */
const INEXACT_STATUS = 0x220n;

/** Most units in the last place by which a transcendental function may deviate. */
const MOST_ULPS = 4n;

/** Relative error that an approximation of 12 bits may have; silicon's result may have the same. */
const APPROXIMATION_ERROR = 1.5 * 2 ** -12;

const hex = (value: bigint | number): string => value.toString(16);

const magnitude = (value: bigint): bigint => (value < 0n ? -value : value);

/** Extended-precision numbers in order: neighbours differ by one. */
const ordinal = (value: bigint): bigint => {
  const positive = value & ((1n << 79n) - 1n);
  return value >> 79n === 0n ? positive : -positive;
};

const isWithinUlps = (want: bigint, got: bigint): boolean =>
  magnitude(ordinal(want) - ordinal(got)) <= MOST_ULPS;

const scratch = new DataView(new ArrayBuffer(4));

const singleAt = (value: bigint, lane: number): number => {
  scratch.setUint32(0, Number((value >> BigInt(32 * lane)) & 0xffff_ffffn));
  return scratch.getFloat32(0);
};

const isApproximation = (want: bigint, got: bigint): boolean =>
  [0, 1, 2, 3].every((lane) => {
    const [a, b] = [singleAt(want, lane), singleAt(got, lane)];
    return Object.is(a, b) || Math.abs(a - b) <= 2 * APPROXIMATION_ERROR * Math.abs(a);
  });

/** Bits in which two values of a register may not differ, or do not because they are near enough. */
const difference = (name: string, want: bigint, got: bigint, latitude: Latitude): bigint => {
  const { tolerance } = latitude;
  const bits = want ^ got;
  if (bits === 0n || latitude.registers.includes(name)) return 0n;
  if (name === "fl") return bits & COMPARED_FLAGS & ~latitude.flags;
  if (name === "fsw") return bits & ~latitude.status & ~(tolerance === "x87" ? INEXACT_STATUS : 0n);
  if (name === "ftw") return latitude.tags ? 0n : bits;
  if (tolerance === "x87" && name.startsWith("R") && isWithinUlps(want, got)) return 0n;
  if (tolerance === "rcp12" && name.startsWith("x") && isApproximation(want, got)) return 0n;
  return bits;
};

/** What to say of a register that is not as it was on silicon; null when it is. */
export const compareRegister = (
  name: string,
  want: bigint,
  got: bigint,
  latitude: Latitude,
): string | null => {
  const bits = difference(name, want, got, latitude);
  if (bits === 0n) return null;
  return name === "fl" ? `flags differ in ${hex(bits)}` : `${name}: want ${hex(want)} got ${hex(got)}`;
};

/** PUSHA and ENTER that straddle pages may report any byte of the page that is missing. */
const STORES_FRAME = /^(?:pusha|enter)\./;

const isSameAddress = (form: string, want: number, got: number | undefined): boolean =>
  STORES_FRAME.test(form) ? Math.floor(want / 4096) === Math.floor((got ?? 0) / 4096) : want === got;

/** How a fault differs from silicon's. */
export const compareFaults = ({ form, fault: want }: Vector, got: ExpectedFault | null): string[] => {
  if (want?.vector !== got?.vector) {
    return [`fault: want ${want?.vector ?? "none"} got ${got?.vector ?? "none"}`];
  }
  const differences: string[] = [];
  if (want?.errorCode !== undefined && want.errorCode !== got?.errorCode) {
    differences.push(`error code: want ${hex(want.errorCode)} got ${hex(got?.errorCode ?? 0)}`);
  }
  if (want?.address !== undefined && !isSameAddress(form, want.address, got?.address)) {
    differences.push(`fault address: want ${hex(want.address)} got ${hex(got?.address ?? 0)}`);
  }
  return differences;
};
