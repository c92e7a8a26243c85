import { join } from "node:path";
import { within } from "../support/eventually.ts";
import { killAtExit } from "./bench-directory.ts";
import type { Dialect } from "./dialect.ts";
import type { Subject } from "./subjects.ts";

const endWithParent = join(import.meta.dir, "../support/end-with-parent-fixture.ts");

/** A server that is a file of this folder: it says where it listens as ours does, and has nothing to do in private. */
export async function startFixture(
  name: string,
  dialect: Dialect,
  fixture: string,
  ...words: string[]
): Promise<Subject> {
  const path = join(import.meta.dir, fixture);
  const child = Bun.spawn([process.execPath, "--preload", endWithParent, path, ...words], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const keep = killAtExit(child);
  const { value } = await within(`${fixture} to listen`, child.stdout.getReader().read());
  const port = Number(/^ready tcp:\/\/127\.0\.0\.1:(\d+)\s*$/.exec(new TextDecoder().decode(value))?.[1]);
  if (!(port > 0)) throw new Error(`${fixture} did not say where it listens`);
  return {
    name,
    port,
    pid: child.pid,
    dialect,
    work: async () => ({ flushes: 0, compactions: 0 }),
    settle: async () => {},
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      keep();
    },
  };
}
