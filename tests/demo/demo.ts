import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { codecs, connect, type Database } from "../../client/client.ts";
import { startServer, type RunningServerProcess } from "../support/server-process.ts";
import { listFiles } from "./file-list.ts";
import { ProgressBar } from "./progress-bar.ts";
import { checkFiles, storeFiles } from "./stored-files.ts";

/**
 * Stores every file of a directory in a server, kills that server in the middle of it, starts it again on what it
 * left behind, and looks whether everything that it had acknowledged is there. Exits 1 if anything is missing.
 *
 *     bun run demo [DIR]
 */
process.exit(await demonstrate(resolve(process.argv[2] ?? "node_modules")));

async function demonstrate(directory: string): Promise<number> {
  const dataDirectory = mkdtempSync(join(tmpdir(), "holdfast-demo-"));
  const servers = new Servers(dataDirectory);
  process.on("SIGINT", () => {
    servers.killNow();
    rmSync(dataDirectory, { recursive: true, force: true });
    process.exit(130);
  });
  try {
    return await killAndCheck(directory, servers);
  } catch (error) {
    console.error(`The demo can't go on: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  } finally {
    await servers.kill();
    rmSync(dataDirectory, { recursive: true, force: true });
  }
}

async function killAndCheck(directory: string, servers: Servers): Promise<number> {
  const first = await servers.start();
  const before = await connectTo(first);
  const { files, skipped } = await listFiles(directory, before.limits);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  console.log(
    `${files.length} files and ${megabytes(bytes)} under ${directory}, into a server with sync mode always`,
  );

  const killAt = Math.ceil(files.length / 2);
  const storing = new ProgressBar("storing", files.length);
  let acknowledged = 0;
  let isKilled = files.length === 0;
  const beganMs = performance.now();
  let skippedLater = 0;
  const onSkipped = () => void skippedLater++;
  const sent = await storeFiles(before, files, {
    isOver: () => isKilled,
    onSkipped,
    onAcknowledged() {
      storing.advance();
      acknowledged++;
      if (acknowledged < killAt || isKilled) return;
      isKilled = true;
      servers.killNow();
      // Calls that wait for another connection would wait in vain: the next server has another port.
      void before.close();
    },
  });
  let storingMs = performance.now() - beganMs;
  await before.close();
  await servers.kill();
  storing.end("SIGKILL");

  const restartedMs = performance.now();
  const second = await servers.start();
  const recoveryMs = performance.now() - restartedMs;
  const after = await connectTo(second);
  const checking = new ProgressBar("checking", acknowledged);
  const { lost, mangled, arrived } = await checkFiles(after, sent, () => checking.advance());
  checking.end();

  const stored = new Set(sent.filter(({ outcome }) => outcome === "acknowledged").map(({ file }) => file));
  const rest = files.filter((file) => !stored.has(file));
  const finishing = new ProgressBar("finishing", rest.length);
  const resumedMs = performance.now();
  skippedLater = 0;
  await storeFiles(after, rest, { onAcknowledged: () => finishing.advance(), onSkipped });
  storingMs += performance.now() - resumedMs;
  finishing.end();
  await after.close();
  const exitCode = await second.kill("SIGTERM");

  const unknown = sent.filter(({ outcome }) => outcome === "unknown").length;
  const perSecond = (amount: number) => amount / Math.max(storingMs / 1_000, 0.001);
  const storedCount = files.length - skippedLater;
  const filesRow = `${storedCount} stored, ${skipped.tooLarge} over a limit, ${skipped.unreadable + skippedLater} unreadable`;
  const rows: [string, string][] = [
    ["files", filesRow],
    ["bytes", megabytes(bytes)],
    ["acknowledged before the kill", `${acknowledged} files`],
    ["in flight at the kill", `${unknown} files, of which ${arrived} had arrived whole`],
    ["lost", String(lost.length)],
    ["recovery", `${recoveryMs.toFixed(0)} ms from the start of the process to its open port`],
    [
      "throughput",
      `${perSecond(storedCount).toFixed(0)} files/s, ${megabytes(perSecond(bytes))}/s, each file durable`,
    ],
  ];
  for (const [name, value] of rows) console.log(`${name.padEnd(30)}${value}`);
  for (const key of lost) console.error(`Lost: ${key}`);
  for (const key of mangled) console.error(`Never acknowledged, and there with other bytes: ${key}`);
  if (exitCode !== 0) console.error(`The server ended with ${exitCode}: ${await second.stderr}`);
  return lost.length === 0 && mangled.length === 0 && exitCode === 0 ? 0 : 1;
}

/** The server of the moment, so that it is gone whatever happens. */
class Servers {
  readonly #dataDirectory: string;
  #running: RunningServerProcess | undefined;

  constructor(dataDirectory: string) {
    this.#dataDirectory = dataDirectory;
  }

  async start(): Promise<RunningServerProcess> {
    this.#running = await startServer({ dataDirectory: this.#dataDirectory });
    return this.#running;
  }

  /** SIGKILL, without waiting for it. */
  killNow(): void {
    void this.#running?.kill();
  }

  async kill(): Promise<void> {
    await this.#running?.kill();
  }
}

function connectTo(server: RunningServerProcess): Promise<Database<Uint8Array>> {
  return connect<Uint8Array>(`holdfast://127.0.0.1:${server.port}`, {
    codec: codecs.bytes,
    // A slow disk is no reason to give up.
    timeoutMs: 60_000,
    closeTimeoutMs: 1_000,
  });
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
