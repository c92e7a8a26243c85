import { describe, expect, test } from "bun:test";
import { snapshotLeaseMsDefault, snapshotLeaseMsMax } from "../../src/lib/limits.ts";
import { snapshotWanted } from "../../src/protocol/opcodes.ts";
import type { FakeStoreOptions } from "./fake-store.ts";
import { entryOf, expectDone, pageOf, snapshotOf, TestServer } from "./harness.ts";

describe("a snapshot", () => {
  test("is answered with its id, its seq and the lease that was granted", () => {
    const { peer } = greeted();
    peer
      .put(2, "a", "1")
      .openSnapshot(3)
      .openSnapshot(4, 1_000)
      .openSnapshot(5, 1e9)
      .renewSnapshot(6, 1)
      .send();
    expect(peer.take().slice(1).map(snapshotOf)).toEqual([
      { snapshotId: 1, seq: 1, leaseMs: snapshotLeaseMsDefault },
      { snapshotId: 2, seq: 1, leaseMs: 1_000 },
      { snapshotId: 3, seq: 1, leaseMs: snapshotLeaseMsMax },
      { snapshotId: 1, seq: 1, leaseMs: snapshotLeaseMsDefault },
    ]);
  });

  test("is what get, getMany and scan read, by any peer, whatever is written meanwhile", () => {
    const { host, peer } = greeted();
    peer
      .put(2, "a", "1")
      .put(3, "b", "2")
      .openSnapshot(4)
      .put(5, "a", "9")
      .delete(6, "b")
      .put(7, "c", "9")
      .send();
    const { snapshotId } = snapshotOf(peer.take()[2]);
    const other = host.greeted();
    other
      .get(2, "a", snapshotId)
      .get(3, "c", snapshotId)
      .getMany(4, ["a", "b"], snapshotId)
      .scan(5, { snapshotId });
    const [a, c, many, all] = other.get(6, "a").send().take();
    expect([entryOf(a).value, entryOf(c).value]).toEqual(["1", undefined]);
    expect(pageOf(many, "getMany").entries.map(({ value }) => value)).toEqual(["1", "2"]);
    expect(pageOf(all, "scan").entries.map(({ key, value }) => [key, value])).toEqual([
      ["a", "1"],
      ["b", "2"],
    ]);
  });

  test("that was closed, or never was, is refused by name, and closing it again is fine", () => {
    const { host, peer } = greeted();
    peer.openSnapshot(2).closeSnapshot(3, 1).closeSnapshot(4, 1).send();
    const [, ...closed] = peer.take();
    closed.forEach(expectDone);
    peer
      .get(5, "a", 1)
      .getMany(6, ["a"], 1)
      .scan(7, { snapshotId: 1 })
      .renewSnapshot(8, 99)
      .get(9, "a")
      .send();
    expect(peer.errors()).toEqual([...["5", "6", "7", "8"].map((id) => `${id} SNAPSHOT_EXPIRED`), "9 OK"]);
    expect(host.server.stats()).toMatchObject({
      errors: { SNAPSHOT_EXPIRED: 4 },
      requests: { openSnapshot: 1, closeSnapshot: 2, renewSnapshot: 1 },
    });
  });

  test("does not show a write before it is durable", () => {
    const { host, peer } = greeted({ isInstant: false });
    peer.put(2, "a", "1").openSnapshot(3).get(4, "a", 1).send();
    expect(peer.ids()).toEqual([]);
    host.store.advance();
    expect(peer.ids()).toEqual([2, 3, 4]);
  });
});

describe("a scan", () => {
  test("that wants a snapshot is told of one with its first page, reads it, and has it closed with the last", () => {
    const { host, peer } = greeted({ isInstant: true, pageEntriesMax: 2 });
    for (const [index, key] of ["a", "b", "c", "d", "e"].entries()) peer.put(2 + index, key, "1");
    peer.scan(7, { snapshotId: snapshotWanted }).send();
    const first = pageOf(peer.take().at(-1), "scan");
    expect(first).toMatchObject({ more: true, snapshotId: 1 });
    peer.delete(8, "c").put(9, "dd", "9").put(10, "e", "9").send();
    peer.scan(11, { after: Buffer.from("b"), snapshotId: 1 }).send();
    const second = pageOf(peer.take().at(-1), "scan");
    expect([second.more, second.snapshotId, host.store.snapshotCount]).toEqual([true, undefined, 1]);
    peer.scan(12, { after: Buffer.from("d"), snapshotId: 1 }).send();
    const third = pageOf(peer.take().at(-1), "scan");
    expect([third.more, host.store.snapshotCount]).toEqual([false, 0]);
    const entries = [...first.entries, ...second.entries, ...third.entries];
    expect(entries.map(({ key, value }) => `${key}${value}`)).toEqual(["a1", "b1", "c1", "d1", "e1"]);
  });

  test("that wants a snapshot gets none where one page holds everything", () => {
    const { host, peer } = greeted();
    peer.put(2, "a", "1").scan(3, { snapshotId: snapshotWanted }).send();
    expect(pageOf(peer.take().at(-1), "scan")).not.toHaveProperty("snapshotId");
    expect(host.store.snapshotCount).toBe(0);
  });

  test("of keys only has no values", () => {
    const { peer } = greeted();
    peer.put(2, "a", "1").put(3, "b", "").scan(4, { keysOnly: true, reverse: true }).send();
    expect(pageOf(peer.take().at(-1), "scan").entries).toEqual([
      { key: "b", version: 2, value: "" },
      { key: "a", version: 1, value: "" },
    ]);
  });
});

function greeted(options: FakeStoreOptions = { isInstant: true }) {
  const host = new TestServer({}, options);
  return { host, peer: host.greeted() };
}
