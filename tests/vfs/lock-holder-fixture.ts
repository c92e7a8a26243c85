import { spawn } from "node:child_process";
import { realFileSystem } from "../../src/vfs/real.ts";

/**
 * A process that takes a lock, says so, and lives until its standard input ends.
 *   bun lock-holder-fixture.ts PATH                    prints "held"
 *   bun lock-holder-fixture.ts PATH bun|node           … and starts a child first, by Bun.spawn or node:child_process,
 *                                                      that outlives it; prints "held PID"
 */
const [path, spawner] = process.argv.slice(2);
realFileSystem.lock(path!);
process.stdout.write(spawner === undefined ? "held\n" : `held ${startChild(spawner)}\n`);
for await (const _ of process.stdin);

function startChild(how: string): number {
  if (how === "bun") {
    const child = Bun.spawn(["sleep", "60"], { stdio: ["ignore", "ignore", "ignore"] });
    child.unref();
    return child.pid;
  }
  const child = spawn("sleep", ["60"], { stdio: "ignore", detached: true });
  child.unref();
  return child.pid!;
}
