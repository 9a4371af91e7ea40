import { defineConfig } from "vitest/config";
import { conditions } from "./tooling/config/vitest.ts";

/** Tests that run real, unmodified guests. `pnpm guests` fetches them first. */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ["{packages,apps,tooling}/*/test/**/*.guest.test.ts"],
    pool: "forks",
    maxWorkers: 1,
    testTimeout: 600_000,
    passWithNoTests: true,
  },
});
