import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

export interface BenchDirectory extends Disposable {
  readonly path: string;
}

/**
 * A new directory under the one that `--data` names. Gigabytes must not stay behind when a bench fails or is
 * interrupted, so it goes with the process at the latest.
 */
export function benchDirectory(parentDirectory: string | undefined, name: string): BenchDirectory {
  const path = mkdtempSync(join(resolve(parentDirectory ?? tmpdir()), `holdfast-bench-${name}-`));
  // A server that was killed a moment ago may still be creating a file.
  const remove = () => rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  process.on("exit", remove);
  return {
    path,
    [Symbol.dispose]() {
      remove();
      process.off("exit", remove);
    },
  };
}

/** Kills a server when this process ends before it was told to end. Returns what takes that back. */
export function killAtExit({ pid }: { readonly pid: number }): () => void {
  const kill = () => {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It is gone already.
    }
  };
  // Before its directory is removed.
  process.prependListener("exit", kill);
  return () => process.off("exit", kill);
}
