/** Room for a frame, as words and as bytes. */
export interface FrameRoom {
  readonly words: Uint32Array;
  readonly bytes: Uint8Array;
}

const rooms = new Map<number, FrameRoom>();

/**
 * Room for a frame of so many words. The same one is given each time, because frames are copied to the guest as soon as they
 * are made, and making room costs more than all the rest.
 */
export const frameRoom = (wordCount: number): FrameRoom => {
  const known = rooms.get(wordCount);
  if (known !== undefined) return known;
  const words = new Uint32Array(wordCount);
  const room = { words, bytes: new Uint8Array(words.buffer) };
  rooms.set(wordCount, room);
  return room;
};
