/** One end of a network link that carries whole Ethernet frames, without FCS. */
export interface NetworkPort {
  /** Offers a frame to the other end. @returns false when it was dropped for want of room. The bytes are copied. */
  send(frame: Uint8Array): boolean;
  /** Called with each frame that arrives; the bytes are valid only during the call. One listener; null removes it. */
  onFrame(listener: ((frame: Uint8Array) => void) | null): void;
}
