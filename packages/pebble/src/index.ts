export { type PebbleWidth, pebbleImage } from "./image.ts";
