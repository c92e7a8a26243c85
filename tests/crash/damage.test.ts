import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { footerBytes } from "../../src/table/table-format.ts";
import { groupHeaderBytes } from "../../src/wal/format.ts";
import { changedSource } from "../support/changed-source.ts";
import { DamagedStore, type Start } from "../support/damaged-store.ts";
import { removals } from "../support/removals.ts";

setDefaultTimeout(120_000);

/** What the server makes of what it finds: a torn tail is repaired, and everything else refused. */
const exitCodeOfDamage = 65;
const exitCodeOfFault = 70;
const tornTails: [string, Uint8Array][] = [
  ["zeros with one bit among them", Buffer.alloc(300).fill(1, 200, 201)],
  ["garbage", Buffer.from("not what any group begins with", "latin1")],
  ["the beginning of a group", Buffer.from("f5484647000000010000006c", "hex")],
];

describe("a server that is started", () => {
  for (const [name, tail] of tornTails) {
    test(`on a tail of ${name} repairs it, and keeps what it acknowledges from then on`, async () => {
      expect(await liveOnWithTornTail(tail)).toEqual({
        tags: { before: 1, after: 2 },
        torn: [Buffer.from(tail)],
      });
    });
  }

  test("on a log with a flipped bit refuses, names the place, and touches nothing", async () => {
    using store = new DamagedStore();
    await store.write({ one: 1, two: 2 }, { end: "SIGTERM" });
    store.flipBit(store.lastSegment, 100);
    await expectRefused(store, store.lastSegment, 96);
  });

  test("on a manifest with a flipped bit refuses, names the place, and touches nothing", async () => {
    using store = new DamagedStore();
    await store.write({ one: 1, two: 2 }, { compact: true });
    const manifest = store.newest("manifest", ".manifest");
    store.flipBit(manifest, 20);
    await expectRefused(store, manifest, 0);
  });

  test("on a table with a flipped bit in its footer refuses, names the place, and touches nothing", async () => {
    using store = new DamagedStore();
    await store.write({ one: 1, two: 2 }, { compact: true });
    const table = store.newest("tables", ".table");
    const { length } = readFileSync(table);
    store.flipBit(table, length - 10);
    await expectRefused(store, table, length - footerBytes);
  });

  test("on a table with a flipped bit in a block ends when the block is read, and names the place", async () => {
    using store = new DamagedStore();
    await store.write({ one: 1, two: 2 }, { compact: true });
    const table = store.newest("tables", ".table");
    store.flipBit(table, 30);
    const { tags, exitCode, stderr } = await store.start();
    expect({ tags, exitCode }).toEqual({ tags: undefined, exitCode: exitCodeOfFault });
    expect(stderr).toContain(table);
    expect(stderr).toContain("at offset 0:");
    expect(() => store.assertIntact("killed")).toThrow(`corrupt: ${table}:0:`);
  });

  test("on a log of which one group comes from another history refuses", async () => {
    const { tags, exitCode, stderr } = await startOnSplicedLog();
    expect({ tags, exitCode }).toEqual({ tags: undefined, exitCode: exitCodeOfDamage });
    expect(stderr).toContain("the chain is broken");
  });
});

describe("the tests above find out", () => {
  test("a server that skips the repair of a torn tail", async () => {
    using source = changedSource(removals["the repair of a torn tail is skipped"]);
    const tail = tornTails[0]![1];
    expect((await liveOnWithTornTail(tail, source.path)).torn).not.toEqual([Buffer.from(tail)]);
  });

  test("a server that does not look at the chain", async () => {
    using source = changedSource(removals["the chain is not checked"]);
    // It serves a history that never was.
    expect((await startOnSplicedLog(source.path)).tags).toEqual({ base: 1, one: 3, two: 4 });
  });
});

/** `offset`: where the smallest part begins that has a checksum of its own. */
async function expectRefused(store: DamagedStore, file: string, offset: number): Promise<void> {
  const { files } = store;
  const { tags, exitCode, stderr } = await store.start();
  expect({ tags, exitCode }).toEqual({ tags: undefined, exitCode: exitCodeOfDamage });
  expect(stderr).toContain(file);
  expect(stderr).toMatch(new RegExp(`"offset":${offset}\\b|at offset ${offset}\\b`));
  expect(store.files).toEqual(files);
  expect(() => store.assertIntact("killed")).toThrow(`corrupt: ${file}:${offset}:`);
}

/** What is there, and what was put aside, when a server wrote on behind a torn tail and another one followed. */
async function liveOnWithTornTail(
  tail: Uint8Array,
  root?: string,
): Promise<{ tags: Start["tags"]; torn: Buffer[] }> {
  using store = new DamagedStore(root);
  await store.write({ before: 1 });
  store.append(tail);
  await store.write({ after: 2 });
  const { tags } = await store.start();
  store.assertIntact("killed");
  const torn = readdirSync(store.wal).filter((file) => file.endsWith(".torn"));
  return { tags, torn: torn.map((file) => readFileSync(join(store.wal, file))) };
}

/**
 * A store and its copy live on in two ways, then one group of the copy gets into the store: what a disk does that
 * answers with an older version of a sector. The group's own checksums are right, and so are its place, its salt
 * and its numbers. Only the next group knows that another one was there.
 */
async function startOnSplicedLog(root?: string): Promise<Start> {
  using store = new DamagedStore(root);
  await store.write({ base: 1 }, { end: "SIGTERM" });
  const start = readFileSync(store.lastSegment).length;
  using other = store.copy();
  await store.write({ one: 2, two: 4 }, { end: "SIGTERM" });
  await other.write({ one: 3 });
  const group = readFileSync(other.lastSegment).subarray(start);
  const payloadBytes = group.readUInt32BE(8);
  store.overwrite(store.lastSegment, start, group.subarray(0, groupHeaderBytes + payloadBytes));
  return await store.start();
}
