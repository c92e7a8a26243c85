import { benchDirectory, killAtExit } from "./bench-directory.ts";
import { EntryBuffers } from "./embedded-store.ts";
import { entryOf } from "./entry-of.ts";
import { usageOf } from "./host.ts";
import { RedisWindow } from "./redis-window.ts";
import { scaledConnections, scaledPipeline, type ScaledSubject } from "./scaled-subject.ts";
import { freePort } from "./subjects.ts";
import type { SuiteOptions } from "./suite.ts";

/** Redis at its strictest durability; when its file of operations is written anew is left to its defaults. */
export function scaledRedis({ dataDirectory }: SuiteOptions): ScaledSubject {
  const directory = benchDirectory(dataDirectory, "redis");
  const port = freePort();
  const strict = ["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--dir", directory.path];
  const words = ["redis-server", "--port", String(port), "--bind", "127.0.0.1", ...strict];
  let child: Bun.Subprocess | undefined;
  let keep = () => {};
  let rssPeakBytes = 0;
  let rssAnonPeakBytes = 0;
  const usage = () => {
    const seen = usageOf(child?.pid ?? 0);
    rssPeakBytes = Math.max(rssPeakBytes, seen.rssPeakBytes);
    rssAnonPeakBytes = Math.max(rssAnonPeakBytes, seen.rssAnonBytes);
    return seen;
  };
  const watch = setInterval(usage, 50);
  const end = async (signal: NodeJS.Signals) => {
    child?.kill(signal);
    await child?.exited;
    child = undefined;
    keep();
  };
  const withClient = async <T>(run: (client: Bun.RedisClient) => Promise<T>) => {
    const client = new Bun.RedisClient(`redis://127.0.0.1:${port}`);
    try {
      return await run(client);
    } finally {
      client.close();
    }
  };
  const persistence = async () => {
    const text: string = await withClient((client) => client.send("INFO", ["persistence"]));
    return (name: string) => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(text)?.[1] ?? 0);
  };
  return {
    name: "redis",
    get rssPeakBytes() {
      return rssPeakBytes;
    },
    get rssAnonPeakBytes() {
      return rssAnonPeakBytes;
    },
    async start() {
      const startedAtMs = performance.now();
      child = Bun.spawn(words, { stdout: "ignore", stderr: "ignore" });
      keep = killAtExit(child);
      // It listens at once, and refuses everything until all is loaded.
      while (!(await answersPing(port))) {
        if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`);
        await Bun.sleep(1);
      }
      return performance.now() - startedAtMs;
    },
    stop: () => end("SIGTERM"),
    usage,
    work: async () => ({ flushes: 0, compactions: (await persistence())("aof_rewrites") }),
    async put(source, meter) {
      const connect = async () => {
        const window = new RedisWindow(source, scaledPipeline, meter);
        const { promise: closed, resolve, reject } = Promise.withResolvers<void>();
        await Bun.connect({
          hostname: "127.0.0.1",
          port,
          socket: {
            open: (socket) => window.open(socket),
            data(socket, chunk) {
              try {
                window.receive(socket, chunk as Buffer);
                if (window.isDone) socket.end();
              } catch (error) {
                reject(error);
              }
            },
            drain: (socket) => window.send(socket),
            close: () =>
              window.isDone
                ? resolve()
                : reject(new Error("Redis closed a connection that waited for answers")),
            error: (_, error) => reject(error),
          },
        });
        await closed;
      };
      await Promise.all(Array.from({ length: scaledConnections }, connect));
    },
    async missing(entryNumbers) {
      const entry = new EntryBuffers();
      return withClient(async (client) => {
        let missing = 0;
        for (const number of entryNumbers) {
          entry.fill(number);
          const value = await client.getBuffer(entry.key);
          if (value === null || entryOf(entry.key, value) !== number) missing++;
        }
        return missing;
      });
    },
    async settle() {
      for (let isBusy = true; isBusy; await Bun.sleep(50)) {
        const numberOf = await persistence();
        isBusy = numberOf("aof_rewrite_in_progress") + numberOf("aof_rewrite_scheduled") > 0;
      }
    },
    async [Symbol.asyncDispose]() {
      clearInterval(watch);
      await end("SIGKILL");
      directory[Symbol.dispose]();
    },
  };
}

/** Whether the answer to PING is PONG: while Redis loads its data it is an error. */
async function answersPing(port: number): Promise<boolean> {
  const { promise: answered, resolve } = Promise.withResolvers<string>();
  try {
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        open: (opened) => void opened.write("PING\r\n"),
        data: (_, chunk) => resolve(chunk.toString("latin1")),
        close: () => resolve(""),
        error: () => resolve(""),
      },
    });
    const text = await answered;
    socket.end();
    return text === "+PONG\r\n";
  } catch {
    return false;
  }
}
