import { defineConfig } from "vitest/config";
import { conditions } from "./tooling/config/vitest.ts";

/** Every test that needs nothing but the repository. Real guests: vitest.guests.config.ts. */
export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ["{packages,apps,tooling}/*/test/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**", "**/*.guest.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    coverage: {
      include: ["packages/*/src/**/*.ts"],
      reportsDirectory: "node_modules/.cache/xenolith/coverage",
    },
    testTimeout: 30_000,
  },
});
