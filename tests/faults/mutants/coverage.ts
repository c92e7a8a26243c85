import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { SourceChange } from "../../support/changed-source.ts";
import { sourceRoot } from "../../support/server-process.ts";
import type { Exception } from "./exceptions.ts";
import type { Safeguard } from "./safeguards.ts";

/** What is wrong between the safeguards of the source, the mutants of them, and the exceptions. */
export interface Coverage {
  /** Safeguards that no mutant takes out and no exception explains. */
  readonly forgotten: string[];
  /** Exceptions for a line that is not there, or for one that a mutant takes out. */
  readonly stale: string[];
}

/** A safeguard is covered by a change that touches its line. */
export function coverageOf(
  safeguards: readonly Safeguard[],
  changes: readonly SourceChange[],
  exceptions: readonly Exception[],
  textOf: (file: string) => string = (file) => readFileSync(join(sourceRoot, file), "utf8"),
): Coverage {
  const touched = new Set(changes.flatMap((change) => linesOf(change, textOf(change.file))));
  const open = safeguards.filter(({ file, line }) => !touched.has(`${file}:${line}`));
  const explains = (exception: Exception, { file, text }: Safeguard) =>
    exception.file === file && text.startsWith(exception.text);
  return {
    forgotten: open
      .filter((safeguard) => !exceptions.some((exception) => explains(exception, safeguard)))
      .map(({ kind, file, line, text }) => `${file}:${line} (${kind}) ${text}`),
    stale: exceptions
      .filter((exception) => !open.some((safeguard) => explains(exception, safeguard)))
      .map(({ file, text }) => `${file}: ${text}`),
  };
}

function linesOf({ file, from }: SourceChange, text: string): string[] {
  const start = text.indexOf(from);
  // A change that builds on another one of the same mutant has no place of its own.
  if (start === -1) return [];
  const first = text.slice(0, start).split("\n").length;
  const count = from.replace(/\n$/, "").split("\n").length;
  return Array.from({ length: count }, (_, index) => `${file}:${first + index}`);
}
