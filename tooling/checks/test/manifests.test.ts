import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { exportEntry, layerTags, scriptsOf } from "@xenolith/scripts/new-package.mjs";
import { readManifest, type Workspace, workspaces } from "@xenolith/scripts/repository.mjs";
import { describe, expect, it } from "vitest";

const packages = workspaces("packages");
const applications = workspaces("apps");
const tags = layerTags();

function read(workspace: Workspace, path: string): string {
  const file = join(workspace.directory, path);
  return existsSync(file) ? readFileSync(file, "utf8") : `(no ${path})`;
}

/** What the manifests of packages and applications have in common, whatever they are for. */
function commonFields(workspace: Workspace): Record<string, unknown> {
  return {
    name: `@xenolith/${workspace.name}`,
    license: "MIT",
    type: "module",
    files: expect.arrayContaining(["dist", "src"]),
    engines: { node: ">=20.19" },
    scripts: expect.objectContaining(scriptsOf(workspace.name, workspace.kind === "apps")),
    description: expect.stringMatching(/^[A-Z].{10,}[^.]$/),
  };
}

function tagsOf(workspace: Workspace): string[] {
  const turbo: { tags?: string[] } = JSON.parse(read(workspace, "turbo.json"));
  return turbo.tags ?? [];
}

function expectDerivedSettings(workspace: Workspace, base: string): void {
  expect(read(workspace, "tsconfig.json")).toBe(`{ "extends": "../../tooling/config/${base}.json" }\n`);
  expect(read(workspace, "tsup.config.ts")).toBe('export { default } from "@xenolith/config/tsup";\n');
}

describe.each(packages)("$path", (workspace) => {
  const manifest = readManifest(workspace.directory);

  it("has the manifest of a package", () => {
    expect(manifest).toMatchObject({ ...commonFields(workspace), sideEffects: false });
    expect(manifest.private).toBeUndefined();
  });

  it("exports source, types and code of each entry", () => {
    expect(manifest.exports?.["."]).toEqual(exportEntry("./src/index.ts"));
    for (const [subpath, entry] of Object.entries(manifest.exports ?? {})) {
      const source = entry["@xenolith/source"];
      // A subpath without code (an image, a header) is a plain path.
      if (source === undefined) continue;
      expect(JSON.stringify(entry), subpath).toBe(JSON.stringify(exportEntry(source)));
      expect(existsSync(join(workspace.directory, source)), `${subpath}: ${source} exists`).toBe(true);
    }
  });

  it("bears the tag of one layer and derives its settings", () => {
    const own = tagsOf(workspace);
    expect(own).toHaveLength(1);
    expect(tags).toContain(own[0]);
    expectDerivedSettings(workspace, "library");
  });
});

describe.each(applications)("$path", (workspace) => {
  it("has the manifest of an application", () => {
    const bin = { [`xenolith-${workspace.name}`]: "./dist/main.js" };
    expect(readManifest(workspace.directory)).toMatchObject({ ...commonFields(workspace), bin });
    expect(read(workspace, "src/main.ts")).toMatch(/^#!\/usr\/bin\/env node\n/);
  });

  it("bears the tag of an application and derives its settings", () => {
    expect(tagsOf(workspace)).toEqual(["app"]);
    expectDerivedSettings(workspace, "application");
  });
});

describe("all packages and applications", () => {
  it("carry one version", () => {
    const versions = [...packages, ...applications].map(({ directory, path }) => ({
      path,
      version: readManifest(directory).version,
    }));
    const [first] = versions;
    expect(versions.filter(({ version }) => version !== first?.version)).toEqual([]);
  });

  it("take each other from the workspace and everything else from the catalog", () => {
    const all = [...packages, ...applications, ...workspaces("tooling")];
    const wrong = all.flatMap(({ directory, path }) => {
      const { dependencies = {}, devDependencies = {} } = readManifest(directory);
      return Object.entries({ ...dependencies, ...devDependencies })
        .filter(([name, range]) => range !== (name.startsWith("@xenolith/") ? "workspace:*" : "catalog:"))
        .map(([name, range]) => `${path}: ${name} ${range}`);
    });
    expect(wrong).toEqual([]);
  });
});
