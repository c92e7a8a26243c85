import { readFileSync } from "node:fs";
import { join } from "node:path";
import { startServer } from "../support/server-process.ts";
import { benchDirectory, killAtExit } from "./bench-directory.ts";
import { holdfastDialect, redisDialect, type Dialect } from "./dialect.ts";
import { storeStats, untilSettled } from "./store-stats.ts";

/** A server under test: on a port of its own choice, and on a directory that goes with it. */
export interface Subject extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
  /** Of the server itself, also under a tracer. */
  readonly pid: number;
  readonly dialect: Dialect;
  /** How often it has flushed and compacted. */
  work(): Promise<Work>;
  /** Waits until it has nothing left to do behind the scenes, so that it does not disturb the next measurement. */
  settle(): Promise<void>;
}

export interface Work {
  flushes: number;
  /** For Redis: how often it has written its file of operations anew. */
  compactions: number;
}

export interface SubjectOptions {
  /** Under which directory its own is made. Default: that of temporary files. */
  dataDirectory: string | undefined;
  /** Words before the command: a tracer. */
  under?: readonly string[];
}

/** `root` is where the source of the server is. */
export async function startHoldfast(options: SubjectOptions & { root: string }): Promise<Subject> {
  const { dataDirectory, root, under = [] } = options;
  const directory = benchDirectory(dataDirectory, "holdfast");
  const server = await startServer({ dataDirectory: join(directory.path, "data"), root, under });
  const { port, pid } = server;
  const keep = killAtExit({ pid });
  return {
    name: "holdfast",
    port,
    pid,
    dialect: holdfastDialect,
    async work() {
      const { flushes, compactions } = await storeStats(port);
      return { flushes: Number(flushes ?? 0), compactions: Number(compactions ?? 0) };
    },
    async settle() {
      await untilSettled(port, settleMsMax);
    },
    async [Symbol.asyncDispose]() {
      await server.kill();
      keep();
      directory[Symbol.dispose]();
    },
  };
}

/** At its strictest durability, an answer after the sync, as ours. Undefined where redis-server is not installed. */
export async function startRedis(options: SubjectOptions): Promise<Subject | undefined> {
  if (!isInstalled("redis-server")) return undefined;
  const { dataDirectory, under = [] } = options;
  const directory = benchDirectory(dataDirectory, "redis");
  const port = freePort();
  const strict = ["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--dir", directory.path];
  const child = Bun.spawn(
    [...under, "redis-server", "--port", String(port), "--bind", "127.0.0.1", ...strict],
    { stdout: "ignore", stderr: "ignore" },
  );
  await untilItListens(port, child);
  const pid = under.length === 0 ? child.pid : onlyChildOf(child.pid);
  const keep = killAtExit({ pid });
  const client = new Bun.RedisClient(`redis://127.0.0.1:${port}`);
  const persistence = async () => {
    const text: string = await client.send("INFO", ["persistence"]);
    return (name: string) => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(text)?.[1] ?? 0);
  };
  return {
    name: "redis",
    port,
    pid,
    dialect: redisDialect,
    async work() {
      return { flushes: 0, compactions: (await persistence())("aof_rewrites") };
    },
    async settle() {
      const endMs = performance.now() + settleMsMax;
      const isBusy = async () => {
        const numberOf = await persistence();
        return numberOf("aof_rewrite_in_progress") + numberOf("aof_rewrite_scheduled") > 0;
      };
      while ((await isBusy()) && performance.now() < endMs) await Bun.sleep(50);
    },
    async [Symbol.asyncDispose]() {
      client.close();
      process.kill(pid, "SIGKILL");
      await child.exited;
      keep();
      directory[Symbol.dispose]();
    },
  };
}

/** Waits for a peer that says nothing when it is ready. */
export async function untilItListens(port: number, child: Bun.Subprocess): Promise<void> {
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`A peer ended with ${child.exitCode} and never listened`);
    await Bun.sleep(20);
  }
}

/** Says so, once for a suite, when it is not. */
export function isInstalled(program: string): boolean {
  if (Bun.which(program) !== null) return true;
  console.log(`${program} is not installed: its cases are skipped`);
  return false;
}

/** The program under a tracer. */
export function onlyChildOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ")[0]);
}

export function freePort(): number {
  const probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = probe;
  probe.stop(true);
  return port;
}

async function accepts(port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } });
    socket.end();
    return true;
  } catch {
    return false;
  }
}

const settleMsMax = 60_000;
