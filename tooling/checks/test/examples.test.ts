import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { embedded, embeddedInRoot, examplesOf } from "@xenolith/scripts/docs-embed.mjs";
import { readManifest, repositoryRoot, type Workspace, workspaces } from "@xenolith/scripts/repository.mjs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

/** Interfaces are shown at work by the packages that implement or use them. */
const interfaces = /-interface$/;

function isPlaceholder({ directory }: Workspace): boolean {
  return readFileSync(join(directory, "src/index.ts"), "utf8") === "export {};\n";
}

const packages = workspaces("packages");
const applications = workspaces("apps");
const examples = [...packages, ...applications].flatMap(({ directory, path }) =>
  examplesOf(directory).map((example) => ({ name: `${path}/${example}`, file: join(directory, example) })),
);

describe.each(packages)("the README of $path", (workspace) => {
  const readme = readFileSync(join(workspace.directory, "README.md"), "utf8");

  it("begins with the package's name", () => {
    expect(readme.split("\n")[0]).toBe(`# ${readManifest(workspace.directory).name}`);
  });

  it("shows the package's examples as they are", () => {
    expect(readme === embedded(workspace.directory), "it does not: run `pnpm docs:embed`").toBe(true);
  });

  if (interfaces.test(workspace.name) || isPlaceholder(workspace)) return;
  it("has an example to show", () => {
    expect(examplesOf(workspace.directory), `${workspace.path}/examples/*.ts`).not.toEqual([]);
  });
});

describe.each(applications)("the README of $path", (workspace) => {
  const readme = readFileSync(join(workspace.directory, "README.md"), "utf8");

  it("begins with the application's name", () => {
    expect(readme.split("\n")[0]).toBe(`# ${readManifest(workspace.directory).name}`);
  });

  it("shows the application's examples as they are", () => {
    expect(readme === embedded(workspace.directory), "it does not: run `pnpm docs:embed`").toBe(true);
  });
});

describe("the README of the repository", () => {
  it("shows examples as they are", () => {
    const readme = readFileSync(join(repositoryRoot, "README.md"), "utf8");
    expect(readme === embeddedInRoot(), "it does not: run `pnpm docs:embed`").toBe(true);
  });
});

describe.runIf(examples.length > 0)("the example", () => {
  beforeEach(() => {
    vi.spyOn(console, "log").mockImplementation(() => undefined);
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it.each(examples)("$name runs", async ({ file }) => {
    await import(/* @vite-ignore */ pathToFileURL(file).href);
  });
});
