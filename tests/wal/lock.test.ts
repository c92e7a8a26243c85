import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { LockHeldError, WriteAheadLog } from "../../src/wal/write-ahead-log.ts";
import { temporaryDirectory } from "../vfs/temporary-directory.ts";
import { iterated, put, rejectionOf, replayed } from "./log-fixture.ts";

const fixture = new URL("log-holder-fixture.ts", import.meta.url).pathname;

describe("a log that another process has open", () => {
  let temporary: ReturnType<typeof temporaryDirectory>;
  let directory: string;
  let holder: Bun.Subprocess<"pipe", "pipe", "inherit">;
  let lines: AsyncIterator<number>;

  beforeEach(() => {
    temporary = temporaryDirectory();
    directory = join(temporary.path, "log");
    startHolder();
  });
  afterEach(async () => {
    holder.kill("SIGKILL");
    await holder.exited;
    temporary[Symbol.dispose]();
  });

  function startHolder(): void {
    holder = Bun.spawn([process.execPath, fixture, directory], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    lines = acknowledged(holder.stdout);
  }

  async function acknowledgedAtLeast(count: number): Promise<number> {
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true || value >= count) return value;
    }
  }

  const openLog = () => WriteAheadLog.open(directory, { segmentBytesMax: 16 * 1024, diskHeadroomBytes: 0 });

  test("is refused, naming that process, and is not touched", async () => {
    await acknowledgedAtLeast(3);
    const error = await rejectionOf(openLog());
    expect(error).toBeInstanceOf(LockHeldError);
    expect(error).toMatchObject({ code: "LOCKED", pid: holder.pid });
    expect(error.message).toContain(`process ${holder.pid}`);
    const seen = await acknowledgedAtLeast(10);
    expect(seen).toBeGreaterThanOrEqual(10);
  });

  test("is free once that process was killed, with every acknowledged record, round after round", async () => {
    let appended: string[] = [];
    for (let round = 0; round < 4; round++) {
      const acknowledgedSeq = await acknowledgedAtLeast(appended.length + 40);
      holder.kill("SIGKILL");
      await holder.exited;
      const log = await openLog();
      const found = await iterated(log);
      expect(found.length).toBeGreaterThanOrEqual(acknowledgedSeq);
      expect(found.slice(0, appended.length)).toEqual(appended);
      for (const [index, line] of found.entries()) {
        if (!line.includes("mine")) expect(line).toBe(`${index + 1} put holder=${index + 1}`);
      }
      const seq = await log.append(put("mine", `${round}`));
      appended = [...found, `${seq} put mine=${round}`];
      await log.close();
      startHolder();
    }
  });

  test("is free once that process has closed it", async () => {
    const acknowledgedSeq = await acknowledgedAtLeast(5);
    holder.stdin.end();
    expect(await holder.exited).toBe(0);
    const log = await openLog();
    expect((await replayed(log)).length).toBeGreaterThanOrEqual(acknowledgedSeq);
    expect(log.tornFile).toBeUndefined();
    await log.close();
  });
});

/** The numbers that a holder prints; the last line may be cut by its death, and then was not said. */
async function* acknowledged(stdout: ReadableStream<Uint8Array>): AsyncGenerator<number, number, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  let newest = 0;
  for await (const chunk of stdout) {
    const whole = (rest + decoder.decode(chunk)).split("\n");
    rest = whole.pop()!;
    for (const line of whole) yield (newest = Number(line));
  }
  return newest;
}
