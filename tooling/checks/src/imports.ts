import { dirname, join } from "node:path/posix";
import ts from "typescript";
import type { SourceFile } from "./sources.ts";

function isErased(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  return node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
}

/**
 * Files that a file loads when it runs, by relative specifiers. Type-only imports leave no trace in the
 * program and may go in a circle.
 */
export function loads(file: SourceFile): string[] {
  const tree = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ES2023);
  const found: string[] = [];
  for (const node of tree.statements) {
    if (!ts.isImportDeclaration(node) && !ts.isExportDeclaration(node)) continue;
    const from = node.moduleSpecifier;
    if (from === undefined || !ts.isStringLiteral(from) || !from.text.startsWith(".")) continue;
    if (!isErased(node)) found.push(join(dirname(file.path), from.text));
  }
  return found;
}

/** Circles in a graph of files, each as the path around it, the first file repeated at the end. */
export function cycles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = [];
  const finished = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    if (finished.has(file)) return;
    const seen = path.indexOf(file);
    if (seen >= 0) {
      found.push([...path.slice(seen), file]);
      return;
    }
    path.push(file);
    for (const next of graph.get(file) ?? []) visit(next);
    path.pop();
    finished.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return found;
}

/** First lines of a module's statements that are not re-exports. */
export function ownStatements(file: SourceFile): string[] {
  const tree = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ES2023);
  return tree.statements
    .filter((node) => !ts.isExportDeclaration(node))
    .map((node) => node.getText(tree).split("\n")[0] ?? "");
}
