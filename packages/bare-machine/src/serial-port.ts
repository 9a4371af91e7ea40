/** First port of COM1. */
export const COM1_PORT = 0x3f8;

/** Ports of a serial port, from its first one. */
const REGISTER = {
  data: 0,
  interruptEnable: 1,
  identification: 2,
  lineControl: 3,
  modemControl: 4,
  lineStatus: 5,
  modemStatus: 6,
  scratch: 7,
} as const;

/** Divisor latch access: ports 0 and 1 are the divisor while it is set. */
const DIVISOR_LATCH = 0x80;

/** Transmitter empty and ready: bytes leave at once. */
const LINE_STATUS = 0x60;

/** No interrupt is pending. */
const NO_INTERRUPT = 1;

/** A serial port that only sends, as far as polled output needs one. */
export interface SerialPort {
  /** Reads one of its eight registers. */
  read(register: number): number;
  write(register: number, value: number): void;
}

/** Makes a serial port whose bytes go to `send`, in order, as they are written. */
export const createSerialPort = (send: (byte: number) => void): SerialPort => {
  const stored = new Uint8Array(8);
  const divisor = new Uint8Array(2);
  const isDivisor = (register: number): boolean =>
    register <= REGISTER.interruptEnable && ((stored[REGISTER.lineControl] ?? 0) & DIVISOR_LATCH) !== 0;
  return {
    read(register: number): number {
      if (isDivisor(register)) return divisor[register] ?? 0;
      switch (register) {
        case REGISTER.data:
          return 0;
        case REGISTER.identification:
          return NO_INTERRUPT;
        case REGISTER.lineStatus:
          return LINE_STATUS;
        case REGISTER.modemStatus:
          return 0;
        default:
          return stored[register] ?? 0;
      }
    },
    write(register: number, value: number): void {
      if (isDivisor(register)) divisor[register] = value;
      else if (register === REGISTER.data) send(value & 0xff);
      else stored[register] = value;
    },
  };
};
