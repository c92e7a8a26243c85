import { readRecovered, segmentNamesOf } from "../../support/recovered-store.ts";
import { realFileSystem } from "../../../src/vfs/real.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { InlineRunner } from "../../../src/compaction/inline-runner.ts";
import { EngineDriver } from "../../engine/engine-driver.ts";
import { assertIntact } from "../../support/intact-store.ts";
import { startServer } from "../../support/server-process.ts";
import { RawStoreClient } from "../../support/raw-store-client.ts";
import { tagOf, taggedValue } from "../../support/tagged-value.ts";
import { Violation } from "../fault-sweep/violation.ts";
import { segmentBytesMax, type SweptStore } from "./store.ts";

/** A start of the engine on a disk that is well holds the promise, and so does the one behind it. */
export async function restartInProcess(store: SweptStore): Promise<void> {
  assertIntact(store.dataDirectory, "killed");
  for (const isLast of [false, true]) {
    const db = await EngineDriver.open(realFileSystem, {
      directory: store.dataDirectory,
      segmentBytesMax,
      runner: new InlineRunner(realFileSystem, systemClock),
    });
    await standsStill(db);
    const entries = (db.scan({}).entries ?? []).map(([key, value = "", version]) => {
      return [key, { version, tag: tagOf(Buffer.from(value, "latin1")) }] as const;
    });
    recovered(store, db.engine.currentSeq, new Map(entries));
    if (!isLast) {
      const tag = store.tags.nextTag++;
      const write = store.oracle.send(0, [{ key: "z", type: "put", tag }]);
      const value = Buffer.from(taggedValue(tag, 40)).toString("latin1");
      store.oracle.acknowledged(write, await db.putDurably("z", value));
    }
    await db.engine.close();
    assertIntact(store.dataDirectory, "stopped");
  }
}

/** A segment that the start has begun, and whose record has a seq, may not have its file yet. */
async function standsStill(db: EngineDriver): Promise<void> {
  while (db.engine.ackableSeq < db.engine.currentSeq) await db.acknowledged(db.engine.currentSeq);
}

/** The same by the program itself, which is killed once, and ended in order at last. */
export async function restartProgram(store: SweptStore): Promise<void> {
  const { dataDirectory, oracle, tags } = store;
  assertIntact(dataDirectory, "killed");
  for (const isLast of [false, true]) {
    await using server = await startServer({ dataDirectory, segmentBytesMax });
    const found = await readRecovered(server.port, dataDirectory);
    recovered(store, found.currentSeq, found.entries);
    if (!isLast) {
      const client = await RawStoreClient.open(server.port);
      const put = { key: "z", type: "put", tag: tags.nextTag++, valueBytes: 40 } as const;
      const write = oracle.send(0, [put]);
      const answer = await client.write([put], false);
      if (answer.kind !== "written") throw new Violation(`a healthy server answers with ${answer.kind}`);
      oracle.acknowledged(write, answer.version);
      await client.close();
    }
    const exitCode = await server.kill(isLast ? "SIGTERM" : "SIGKILL");
    if (isLast && exitCode !== 0) throw new Violation(`the healthy server ended with ${exitCode}`);
    assertIntact(dataDirectory, isLast ? "stopped" : "killed");
  }
}

function recovered(
  { oracle, dataDirectory }: SweptStore,
  seq: number,
  entries: ReadonlyMap<string, { version: number; tag: number }>,
): void {
  oracle.recovered(seq, entries, Number.parseInt(segmentNamesOf(dataDirectory).at(-1)!, 10));
  const [violation] = oracle.violations;
  if (violation !== undefined) throw new Violation(`${violation.rule}: ${violation.detail}`);
}
