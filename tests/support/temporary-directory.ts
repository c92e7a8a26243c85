import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new directory, gone at the end of the scope: `using directory = temporaryDirectory()`. KEEP=1 leaves it there. */
export function temporaryDirectory(): TemporaryDirectory {
  const path = mkdtempSync(join(tmpdir(), "holdfast-test-"));
  return {
    path,
    [Symbol.dispose]() {
      if (process.env["KEEP"] === "1") console.error(`Kept ${path}`);
      else rmSync(path, { recursive: true, force: true });
    },
  };
}

export interface TemporaryDirectory extends Disposable {
  readonly path: string;
}
