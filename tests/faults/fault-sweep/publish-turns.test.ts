import { expect, test } from "bun:test";
import { PublishTurns } from "../../../src/compaction/publish-turns.ts";
import { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import { turn } from "../../support/turn-clock.ts";

/**
 * The fault sweep found, with a sync of the tables' directory that failed for a flush while that of a merge was in
 * flight: the merge heard of nothing, was announced, and its inputs were deleted; then a power cut took its tables.
 */
const disk = () => new MemoryFileSystem({ holdSyncs: true });
const reasonOf = (promise: Promise<void>) =>
  promise.then(
    () => undefined,
    (error: Error) => error,
  );

test("a job's sync of the directory begins once that of another has ended", async () => {
  const system = disk();
  const turns = new PublishTurns();
  const first = turns.take(0, () => system.syncDirectory("/"));
  const second = turns.take(0, () => system.syncDirectory("/"));
  const held = await system.nextHeldSync();
  await turn();
  expect(system.heldSyncs).toEqual([held]);
  held.release();
  await first;
  (await system.nextHeldSync()).release();
  await second;
});

test("names that were given before a sync failed are announced by nobody", async () => {
  const system = disk();
  const turns = new PublishTurns();
  const failed = reasonOf(turns.take(turns.failures, () => system.syncDirectory("/")));
  const behind = reasonOf(turns.take(turns.failures, () => system.syncDirectory("/")));
  (await system.nextHeldSync()).fail();
  expect((await failed)?.message).toMatch(/EIO/);
  expect(await behind).toBe((await failed)!);
  expect(system.heldSyncs).toEqual([]);
});

test("a job that began after a failure, as one that waited for room, is not held to it", async () => {
  const system = disk();
  const turns = new PublishTurns();
  const failed = reasonOf(turns.take(turns.failures, () => system.syncDirectory("/")));
  (await system.nextHeldSync()).fail();
  await failed;
  const again = turns.take(turns.failures, () => system.syncDirectory("/"));
  (await system.nextHeldSync()).release();
  await again;
});
