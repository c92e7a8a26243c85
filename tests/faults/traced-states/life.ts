import { mkdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type { Random } from "../../../src/lib/random.ts";
import type { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import { tinySegmentBytes } from "../../support/aimed-run.ts";
import { sourceRoot, startServer } from "../../support/server-process.ts";
import { straceWords } from "../../support/strace.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { watchedCalls } from "./file-effect.ts";
import { writeOut } from "./real-directory.ts";
import { ScriptedClient } from "./scripted-client.ts";
import { pointsOfTrace, type TracedPoint } from "./points-of-trace.ts";
import { timedLines, type TimedTrace } from "./timed-trace.ts";
import type { TracedLog } from "./traced-log.ts";

/** What a life begins with. */
export interface Beginning {
  /** With all that is pending. It is not changed. */
  readonly disk: MemoryFileSystem;
  /** All writes that may be on it. */
  readonly log: TracedLog;
  /** Up to this seq everything was acknowledged or shown. */
  readonly ackedSeq: number;
}

/** One life of the real server, from its start to its end, and what was done to it. */
export interface LifePlan {
  /** The start is a stage as well. */
  readonly start: string;
  readonly stages: readonly Stage[];
  readonly end: { readonly name: string; readonly signal: "SIGTERM" | "SIGKILL" };
}

export interface Stage {
  readonly name: string;
  act(server: StagedServer): Promise<void>;
}

/** What a stage has to do with. */
export interface StagedServer {
  readonly client: ScriptedClient;
  /** Where it keeps its files. */
  readonly dataDirectory: string;
  /** Makes a backup, in a process that is traced as well. */
  backup(...flags: string[]): Promise<void>;
}

/** A life that is over, as its trace tells it. */
export interface Life extends Beginning {
  readonly points: readonly TracedPoint[];
}

export interface LiveOptions {
  readonly random: Random;
  /** Where the program is. Default: this project. */
  readonly root?: string | undefined;
}

/** Lets the real server live on what was there, in a directory of its own. */
export async function live(plan: LifePlan, beginning: Beginning, options: LiveOptions): Promise<Life> {
  using directory = temporaryDirectory();
  const root = join(realpathSync(directory.path), "disk");
  mkdirSync(root);
  writeOut(beginning.disk, root);
  const dataDirectory = join(root, "data");
  const backups: Promise<TimedTrace>[] = [];
  const begun = [{ name: plan.start, atMs: 0 }];
  const begin = (name: string) => begun.push({ name, atMs: Date.now() });

  const output = join(directory.path, "server.trace");
  await using server = await startServer({
    dataDirectory,
    segmentBytesMax: tinySegmentBytes,
    under: straceWords({ output, calls: watchedCalls, hasTimes: true }),
    ...(options.root === undefined ? {} : { root: options.root }),
  });
  // No value of an earlier life comes again.
  const firstTag = beginning.log.submittedSeq * 1_000 + 1;
  const client = await ScriptedClient.open(server.port, options.random, firstTag);
  const backup = async (...flags: string[]) => {
    const output = join(directory.path, `backup-${backups.length}.trace`);
    backups.push(tracedBackup(output, root, flags, options.root));
    await backups.at(-1);
  };
  await server.unlessItEnds(async () => {
    for (const stage of plan.stages) {
      begin(stage.name);
      await stage.act({ client, dataDirectory, backup });
    }
  });
  begin(plan.end.name);
  const exitCode = await server.kill(plan.end.signal);
  if (plan.end.signal === "SIGTERM" && exitCode !== 0) throw new Error(`The server ended with ${exitCode}`);
  await client.close();
  const traces = { server: timedLines(readFileSync(output, "utf8")), backups: await Promise.all(backups) };
  return pointsOfTrace(traces, { beginning, root, begun, writes: client.writes });
}

async function tracedBackup(
  output: string,
  root: string,
  flags: readonly string[],
  programRoot = sourceRoot,
): Promise<TimedTrace> {
  const words = straceWords({ output, calls: watchedCalls, hasTimes: true });
  const program = [process.execPath, join(programRoot, "src/main.ts"), "backup", ...flags];
  const child = Bun.spawn([...words, ...program, join(root, "data"), join(root, "copy")], {
    cwd: programRoot,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const said = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`The backup failed: ${said}`);
  return timedLines(readFileSync(output, "utf8"));
}
