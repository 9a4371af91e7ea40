import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where `pnpm guests` puts guests unless told otherwise. */
export const GUESTS_FOLDER: string = join(fileURLToPath(new URL("../../..", import.meta.url)), ".guests");
