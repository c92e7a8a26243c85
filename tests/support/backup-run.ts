import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { checkStore } from "../../src/offline/check-store.ts";
import { realFileSystem } from "../../src/vfs/real.ts";
import { assertIntact } from "./intact-store.ts";
import type { CopyBegun, Oracle } from "./oracle.ts";
import { readRecovered } from "./recovered-store.ts";
import { sourceRoot, startServer } from "./server-process.ts";

/** Exit codes of a backup that could not be made, and says so: the store moved on under it all the time. */
const exitCodeOfRefusal = 6;

/**
 * `holdfast backup` in a process of its own, beside a server that is written to, and perhaps killed. Whatever happens,
 * what stands under the backup's name is whole.
 */
export class BackupRun {
  readonly #oracle: Oracle;
  readonly #begun: CopyBegun;
  readonly #to: string;
  readonly #child: Bun.Subprocess<"ignore", "ignore", "pipe">;
  readonly #stderr: Promise<string>;
  #wasKilled = false;

  /** `to` must not exist. What an earlier run left unfinished beside it may. */
  constructor(oracle: Oracle, from: string, to: string) {
    this.#oracle = oracle;
    this.#begun = oracle.beginCopy();
    this.#to = to;
    const words = [process.execPath, join(sourceRoot, "src/main.ts"), "backup", from, to];
    this.#child = Bun.spawn(words, { cwd: sourceRoot, stdin: "ignore", stdout: "ignore", stderr: "pipe" });
    this.#stderr = new Response(this.#child.stderr).text();
  }

  kill(): void {
    this.#wasKilled = this.#child.exitCode === null;
    this.#child.kill("SIGKILL");
  }

  /**
   * Once it has ended: whether there is a backup. If so, it must be clean, and hold, as of one moment, all that was
   * known when it was begun; then it is removed. To be called before the oracle is told what the store recovered.
   */
  async judge(): Promise<boolean> {
    const exitCode = await this.#child.exited;
    const isThere = existsSync(this.#to);
    if (!this.#wasKilled && exitCode !== 0 && exitCode !== exitCodeOfRefusal) {
      throw new Error(`The backup ended with ${exitCode}: ${await this.#stderr}`);
    }
    if (isThere !== (exitCode === 0) && !this.#wasKilled) {
      throw new Error(`The backup ended with ${exitCode}, and ${isThere ? "left" : "did not leave"} a store`);
    }
    if (!isThere) return false;
    assertIntact(this.#to, "stopped");
    const { lastSeq } = checkStore(realFileSystem, this.#to);
    {
      await using server = await startServer({ dataDirectory: this.#to });
      const { entries, currentSeq } = await readRecovered(server.port, this.#to);
      if (currentSeq < lastSeq)
        throw new Error(`The backup ends at seq ${lastSeq}, and opens at ${currentSeq}`);
      this.#oracle.sawCopy(this.#begun, lastSeq, entries);
    }
    assertIntact(this.#to, "killed");
    rmSync(this.#to, { recursive: true });
    return true;
  }
}
