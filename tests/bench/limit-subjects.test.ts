import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { sourceRoot } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { closedLoop } from "./closed-loop.ts";
import { holdfastDialect } from "./dialect.ts";
import { echoDialect } from "./echo-dialect.ts";
import { startFixture } from "./fixture-subject.ts";
import { uniformKeys } from "./key-source.ts";
import { sequentialBlockBytes, writeSequentially } from "./sequential-writes.ts";
import type { Subject } from "./subjects.ts";

const sets = ({ port, dialect }: Subject, connections: number, pipeline: number) => {
  const keys = uniformKeys(1_000, 1);
  const load = { port, dialect, connections, pipeline, setPercent: 100, keys, valueBytes: 100, stamp: 1 };
  return closedLoop({ ...load, warmUpMs: 0, measureMs: 100 });
};

test("the server on a store that keeps nothing answers every set", async () => {
  const words = ["answering-server-fixture.ts", sourceRoot] as const;
  await using subject = await startFixture("answering at once", holdfastDialect, ...words);
  const { latencies, acknowledged } = await sets(subject, 3, 16);
  expect(latencies.count).toBeGreaterThan(100);
  expect(acknowledged.length).toBeGreaterThan(0);
});

test("the bare loop keeps every request before it answers", async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, "requests");
  await using subject = await startFixture("bare loop", echoDialect, "bare-loop-fixture.ts", path);
  const { latencies } = await sets(subject, 1, 1);
  const requestBytes = echoDialect.template("set", { valueBytes: 100, stamp: 1 }).bytes.length;
  const kept = statSync(path).size / requestBytes;
  expect([Number.isInteger(kept), kept >= latencies.count, latencies.count > 0]).toEqual([true, true, true]);
});

test("an echo is an answer when it is whole", () => {
  const { bytes } = echoDialect.template("set", { valueBytes: 100, stamp: 1 });
  const answers = echoDialect.answers();
  const two = Buffer.concat([bytes, bytes]);
  for (const length of [0, 3, 4, bytes.length - 1]) expect(answers.read(two, 0, length)).toBe(-1);
  expect([answers.read(two, 0, two.length), answers.slot]).toEqual([bytes.length, 0]);
  expect(answers.read(two, bytes.length, two.length)).toBe(two.length);
});

test("sequential writes count whole blocks, and leave nothing behind", () => {
  using directory = temporaryDirectory();
  const { opsPerSec, bytesPerSec, maxMs } = writeSequentially(directory.path, 0, 50);
  expect(opsPerSec).toBeGreaterThan(0);
  expect(bytesPerSec).toBe(opsPerSec * sequentialBlockBytes);
  expect(maxMs).toBeGreaterThan(0);
  expect([...new Bun.Glob("*").scanSync(directory.path)]).toEqual([]);
});
