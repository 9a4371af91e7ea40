/** Two directions of bytes, in order and without loss, with back-pressure: a console, a xenstore connection, a socket. */
export interface ByteStream {
  /** Takes as many of the first bytes as there is room for and returns how many. Never throws on a closed stream: returns 0. */
  write(bytes: Uint8Array): number;
  /** Takes up to `into.length` bytes that have come and returns how many; 0 when there are none. */
  read(into: Uint8Array): number;
  /** Called when there may be something to read, or room to write again, or when the other end has closed. One listener; null removes it. */
  onActivity(listener: (() => void) | null): void;
  /** Whether the other end is gone. Bytes that came before can still be read. */
  readonly closed: boolean;
  close(): void;
}

/** Room for 64 KiB in each direction of a pair. */
const DEFAULT_CAPACITY = 65_536;

class Half implements ByteStream {
  peer: Half | null = null;
  closed = false;
  private readonly buffer: Uint8Array;
  private readAt = 0;
  private used = 0;
  private listener: (() => void) | null = null;

  constructor(capacityBytes: number) {
    this.buffer = new Uint8Array(capacityBytes);
  }

  write(bytes: Uint8Array): number {
    const peer = this.peer;
    if (this.closed || peer === null) return 0;
    const taken = peer.accept(bytes);
    if (taken > 0) peer.listener?.();
    return taken;
  }

  private accept(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.buffer.length - this.used);
    for (let index = 0; index < count; index++) {
      this.buffer[(this.readAt + this.used + index) % this.buffer.length] = bytes[index] ?? 0;
    }
    this.used += count;
    return count;
  }

  read(into: Uint8Array): number {
    const wasFull = this.used === this.buffer.length;
    const count = Math.min(into.length, this.used);
    for (let index = 0; index < count; index++)
      into[index] = this.buffer[(this.readAt + index) % this.buffer.length] ?? 0;
    this.readAt = (this.readAt + count) % this.buffer.length;
    this.used -= count;
    if (wasFull && count > 0) this.peer?.listener?.();
    return count;
  }

  onActivity(listener: (() => void) | null): void {
    this.listener = listener;
  }

  close(): void {
    const peer = this.peer;
    this.closed = true;
    this.peer = null;
    if (peer === null) return;
    peer.closed = true;
    peer.peer = null;
    peer.listener?.();
  }
}

/** Makes two ends of one stream within this process. What one end writes the other reads. Each direction holds `capacityBytes`. */
export const createStreamPair = (capacityBytes: number = DEFAULT_CAPACITY): [ByteStream, ByteStream] => {
  const left = new Half(capacityBytes);
  const right = new Half(capacityBytes);
  left.peer = right;
  right.peer = left;
  return [left, right];
};
