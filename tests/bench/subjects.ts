import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { holdfastDialect, redisDialect, type Dialect } from "./dialect.ts";

/** A server under test: started fresh, on a port of its own choice, on a directory that goes with it. */
export interface Subject extends AsyncDisposable {
  name: string;
  port: number;
  pid: number;
  dialect: Dialect;
}

/** `root` is where the source of the server is. */
export async function startHoldfast(root: string): Promise<Subject> {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-bench-"));
  const main = join(root, "src/main.ts");
  const child = Bun.spawn([process.execPath, main, "serve", "--data", directory, "--listen", "127.0.0.1:0"], {
    stdout: "pipe",
    stderr: "ignore",
  });
  const ready = await firstLine(child.stdout);
  const port = Number(/^ready tcp:\/\/.*:(\d+)$/.exec(ready)?.[1]);
  return subject("holdfast", port, child, directory, holdfastDialect);
}

/** Undefined where redis-server is not installed. */
export async function startRedis(): Promise<Subject | undefined> {
  if (Bun.which("redis-server") === null) return undefined;
  const directory = mkdtempSync(join(tmpdir(), "holdfast-bench-redis-"));
  const port = freePort();
  // Its strictest durability: an answer after the fsync, as ours.
  const options = ["--appendonly", "yes", "--appendfsync", "always", "--save", "", "--dir", directory];
  const child = Bun.spawn(["redis-server", "--port", String(port), "--bind", "127.0.0.1", ...options], {
    stdout: "ignore",
    stderr: "ignore",
  });
  while (!(await accepts(port))) await Bun.sleep(20);
  return subject("redis", port, child, directory, redisDialect);
}

function subject(
  name: string,
  port: number,
  child: Bun.Subprocess,
  directory: string,
  dialect: Dialect,
): Subject {
  return {
    name,
    port,
    pid: child.pid,
    dialect,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await child.exited;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const end = text.indexOf("\n");
    if (end !== -1) return text.slice(0, end);
  }
  throw new Error(`the server ended before it was ready: ${text}`);
}

function freePort(): number {
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
