#!/usr/bin/env bun
import { exitCode } from "./cli/exit-codes.ts";
import { processWorld } from "./cli/process-world.ts";
import { runCommandLine } from "./cli/run.ts";

// A bug must not end with exit code 1, by which `get` says that there is no such key.
process.on("uncaughtException", endByBug);
process.on("unhandledRejection", endByBug);

// Ending here and now: a command that is done waits for nobody who keeps a socket or standard input open.
process.exit(await runCommandLine(process.argv.slice(2), processWorld()));

function endByBug(error: unknown): void {
  const story = error instanceof Error ? error.stack : String(error);
  process.stderr.write(`holdfast: ${story}\nThis is a bug of Holdfast.\n`, () => process.exit(exitCode.bug));
}
