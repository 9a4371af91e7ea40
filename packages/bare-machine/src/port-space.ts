import { COM1_PORT, type SerialPort } from "./serial-port.ts";

/** Port that ends the run: the value written is the machine's exit value. */
export const EXIT_PORT = 0xf4;

/** Ports of the machine. */
export interface PortSpace {
  read(port: number, sizeBytes: 1 | 2 | 4): number;
  write(port: number, sizeBytes: 1 | 2 | 4, value: number): void;
}

/** COM1 and the exit port; where nothing is, reads give ones and writes get lost. Wider accesses go byte by byte. */
export const createPortSpace = (serial: SerialPort, exit: (value: number) => void): PortSpace => {
  const isSerial = (port: number): boolean => port >= COM1_PORT && port < COM1_PORT + 8;
  return {
    read(port: number, sizeBytes: 1 | 2 | 4): number {
      let value = 0;
      for (let i = sizeBytes - 1; i >= 0; i--) {
        value = value * 256 + (isSerial(port + i) ? serial.read(port + i - COM1_PORT) : 0xff);
      }
      return value;
    },
    write(port: number, sizeBytes: 1 | 2 | 4, value: number): void {
      if (port === EXIT_PORT) {
        exit(value);
        return;
      }
      for (let i = 0; i < sizeBytes; i++) {
        if (isSerial(port + i)) serial.write(port + i - COM1_PORT, (value >>> (8 * i)) & 0xff);
      }
    },
  };
};
