import { cpSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sourceRoot } from "./server-process.ts";
import { temporaryDirectory, type TemporaryDirectory } from "./temporary-directory.ts";

/** One thing that is changed in a copy of the source. */
export interface SourceChange {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/**
 * A copy of the program in which something that matters was taken out, to see that a test fails then. Throws if
 * the text to change is not there exactly once, so that a refactoring can't turn the proof into an empty one.
 */
export function changedSource(
  changes: readonly SourceChange[],
  folders = ["src", "client"],
): TemporaryDirectory {
  const copy = temporaryDirectory();
  for (const folder of folders)
    cpSync(join(sourceRoot, folder), join(copy.path, folder), { recursive: true });
  for (const file of ["package.json", "bunfig.toml", "tsconfig.json"]) {
    cpSync(join(sourceRoot, file), join(copy.path, file));
  }
  symlinkSync(join(sourceRoot, "node_modules"), join(copy.path, "node_modules"));
  for (const { file, from, to } of changes) {
    const path = join(copy.path, file);
    const text = readFileSync(path, "utf8");
    const count = text.split(from).length - 1;
    if (count !== 1) throw new Error(`${file} has ${count} times what a test wants to change: ${from}`);
    writeFileSync(
      path,
      text.replace(from, () => to),
    );
  }
  return copy;
}
