import { describe, expect, test } from "bun:test";
import { opcode } from "../../src/protocol/opcodes.ts";
import { status } from "../../src/protocol/status.ts";
import { MemoryNetwork } from "./support/memory-network.ts";
import { connectedClient, watch, type TestClient } from "./support/test-client.ts";
import { settle } from "./support/test-clock.ts";

/** A client whose server answers at once, with an entry to read. */
async function clientWithEntry(): Promise<TestClient> {
  const client = await connectedClient();
  client.network.isAutomatic = true;
  await client.db.put("a", 1);
  return client;
}

const count = (network: MemoryNetwork, code: number) =>
  network.connections.flatMap(({ session }) => session.opcodes).filter((other) => other === code).length;

describe("a snapshot", () => {
  test("is renewed after each third of its lease, for as long as it is open", async () => {
    const { db, network, clock } = await clientWithEntry();
    const snapshot = await db.snapshot({ leaseMs: 9_000 });
    await clock.advance(2_999);
    expect(network.store.leasesMs).toEqual([9_000]);
    await clock.advance(1);
    expect(network.store.leasesMs).toEqual([9_000, 9_000]);
    await clock.advance(9_000);
    expect(network.store.leasesMs).toEqual([9_000, 9_000, 9_000, 9_000, 9_000]);
    await snapshot.close();
    await clock.advance(60_000);
    expect(count(network, opcode.renewSnapshot)).toBe(4);
  });

  test("has the lease that the server grants, not the one that was asked for", async () => {
    const { db, network, clock } = await clientWithEntry();
    network.script.leaseMsMax = 600;
    await using _ = await db.snapshot({ leaseMs: 9_000 });
    await clock.advance(200);
    expect(network.store.leasesMs).toEqual([9_000, 600]);
    // What a renewal is granted counts for the next one.
    network.script.leaseMsMax = 300;
    await clock.advance(400);
    expect(network.store.leasesMs).toEqual([9_000, 600, 600, 300]);
    await clock.advance(200);
    expect(network.store.leasesMs).toEqual([9_000, 600, 600, 300, 300, 300]);
  });

  test("leaves the lease to the server unless it is told one", async () => {
    const { db, network, clock } = await clientWithEntry();
    network.script.leaseMsMax = 3_000;
    await using _ = await db.snapshot();
    expect(network.store.leasesMs).toEqual([0]);
    await clock.advance(1_000);
    expect(network.store.leasesMs).toEqual([0, 3_000]);
  });

  test("has one timer, which does not keep the process alive", async () => {
    const { db, clock } = await clientWithEntry();
    await using _ = await db.snapshot();
    expect(clock.keepingAlive).toBe(0);
    await clock.advance(25_000);
    expect(clock.keepingAlive).toBe(0);
  });

  test("goes on over another connection to the same server, renewals too", async () => {
    const { db, network, clock } = await clientWithEntry();
    const snapshot = await db.snapshot({ leaseMs: 9_000 });
    await db.put("a", 2);
    network.isAutomatic = false;
    const read = watch(snapshot.get("a"));
    await settle();
    network.last.close();
    const waiting = watch(snapshot.getMany(["a"]));
    network.isAutomatic = true;
    await clock.advance(100);
    expect([read.value, waiting.value]).toEqual([1, [1]]);
    await clock.advance(2_900);
    expect(network.store.leasesMs).toEqual([9_000, 9_000]);
    expect(await db.get("a")).toBe(2);
  });

  test("is opened, renewed and closed over the next connection when one is lost meanwhile", async () => {
    const { db, network, clock } = await clientWithEntry();
    const lose = async () => {
      await settle();
      network.last.close();
      network.isAutomatic = true;
      await clock.advance(100);
      network.isAutomatic = false;
    };
    network.isAutomatic = false;
    const opening = db.snapshot({ leaseMs: 9_000 });
    await lose();
    const snapshot = await opening;
    await clock.advance(3_000);
    await lose();
    expect(network.store.leasesMs).toEqual([9_000, 9_000]);
    const closing = snapshot.close();
    await lose();
    await closing;
    expect(network.store.snapshots.size).toBe(0);
  });

  test("piles up no renewals while there is no connection", async () => {
    const { db, network, clock } = await clientWithEntry();
    await using _ = await db.snapshot({ leaseMs: 300 });
    network.isReachable = false;
    network.last.close();
    await clock.advance(4_000);
    network.isReachable = true;
    await clock.advance(10);
    while (db.state !== "ready") await clock.advance(10);
    expect(network.store.leasesMs.length).toBeLessThan(4);
  });

  test("that takes too long to open ends as any call", async () => {
    const { db, clock } = await connectedClient();
    const controller = new AbortController();
    const [late, aborted] = [db.snapshot({ timeoutMs: 500 }), db.snapshot({ signal: controller.signal })].map(
      watch,
    );
    await clock.advance(600);
    controller.abort();
    await settle();
    expect(late!.error).toMatchObject({ code: "TIMEOUT", outcome: "not-applied", timeoutMs: 500 });
    expect(aborted!.error).toMatchObject({ code: "ABORTED", outcome: "not-applied" });
  });

  test("is renewed again after renewals that failed", async () => {
    const { db, network, clock } = await clientWithEntry();
    const snapshot = await db.snapshot({ leaseMs: 9_000 });
    network.script.refusal = { status: status.OVERLOADED, outcome: 0 };
    await clock.advance(3_000);
    network.script.refusal = undefined;
    network.isReachable = false;
    network.last.close();
    await clock.advance(2_000);
    expect(network.store.leasesMs).toEqual([9_000]);
    network.isReachable = true;
    await clock.advance(4_000);
    expect(network.store.leasesMs.length).toBeGreaterThan(1);
    expect(await snapshot.get("a")).toBe(1);
  });

  test("that the server lost fails with a SnapshotExpiredError that says what to do, and is renewed no more", async () => {
    const { db, network, clock } = await clientWithEntry();
    const snapshot = await db.snapshot({ leaseMs: 9_000 });
    network.store.snapshots.clear();
    network.last.close();
    await clock.advance(100);
    const calls = [
      snapshot.get("a"),
      snapshot.getEntry("a"),
      snapshot.getMany(["a"]),
      snapshot.scan().all(),
      snapshot.scan({ keysOnly: true }).all(),
      snapshot.keyspace("a").get("b"),
    ].map(watch);
    await settle();
    for (const { error } of calls) {
      expect(error).toMatchObject({
        name: "SnapshotExpiredError",
        code: "SNAPSHOT_EXPIRED",
        outcome: "not-applied",
      });
      expect(error.message).toMatch(/^Cannot (get|scan).*; open another one, or begin the scan anew$/);
    }
    await clock.advance(60_000);
    expect(count(network, opcode.renewSnapshot)).toBe(1);
    expect(watch(snapshot.close()).state).toBe("pending");
  });

  test("that is closed is told to the server once, and then all its reads reject without being sent", async () => {
    const { db, network } = await clientWithEntry();
    const snapshot = await db.snapshot();
    const inner = snapshot.keyspace<number>("a").keyspace("b", { keys: "bytes" });
    const before = watch(snapshot.get("a"));
    const closed = snapshot.close();
    expect(snapshot.close()).toBe(closed);
    const calls = [
      snapshot.get("a"),
      snapshot.getEntry("a"),
      snapshot.getMany(["a"]),
      snapshot.scan().all(),
      inner.get("c"),
    ].map(watch);
    await closed;
    expect(before).toMatchObject({ state: "fulfilled", value: 1 });
    for (const { error } of calls) {
      expect(error).toMatchObject({ code: "CLOSED", outcome: "not-applied" });
      expect(error.message).toContain("the snapshot was closed");
    }
    expect(network.store.snapshots.size).toBe(0);
    expect(count(network, opcode.closeSnapshot)).toBe(1);
    expect(count(network, opcode.get)).toBe(1);
  });

  test("closes without an error where the server cannot be told", async () => {
    const { db, network, clock } = await clientWithEntry();
    const [lost, late] = [await db.snapshot(), await db.snapshot()];
    network.isReachable = false;
    network.last.close();
    const closing = watch(lost.close());
    await clock.advance(6_000);
    expect(closing.state).toBe("fulfilled");
    await db.close();
    const closingLate = watch(late[Symbol.asyncDispose]());
    await settle();
    expect(closingLate.state).toBe("fulfilled");
  });

  test("ends with the client: its reads reject, and it is renewed no more", async () => {
    const { db, network, clock } = await clientWithEntry();
    const snapshot = await db.snapshot({ leaseMs: 9_000 });
    await db.close();
    const read = watch(snapshot.get("a"));
    await clock.advance(60_000);
    expect(read.error).toMatchObject({ code: "CLOSED" });
    expect(count(network, opcode.renewSnapshot)).toBe(0);
    expect(clock.waiting).toBe(0);
  });

  test("that was forgotten is not renewed for ever", async () => {
    const { db, network, clock } = await clientWithEntry();
    const forgotten = 200;
    const open = async () => void (await db.snapshot({ leaseMs: 9_000 }));
    for (let index = 0; index < forgotten; index++) await open();
    const kept = (await db.snapshot({ leaseMs: 9_000 })).keyspace("");
    await settle();
    Bun.gc(true);
    const before = network.store.leasesMs.length;
    await clock.advance(3_000);
    // A collector may miss one that still lies on the stack.
    expect(network.store.leasesMs.length - before).toBeLessThan(forgotten / 10);
    expect(network.store.leasesMs.length - before).toBeGreaterThanOrEqual(1);
    expect(await kept.get("a")).toBe(1);
  });
});

describe("a checkpoint and a compaction", () => {
  test("have a quarter of an hour to end, whatever the deadline of other calls", async () => {
    const { db, network, clock } = await connectedClient({ timeoutMs: 1_000 });
    network.script.unanswered = [opcode.checkpoint, opcode.compact];
    network.isAutomatic = true;
    const calls = [db.checkpoint(), db.compact(), db.checkpoint({ timeoutMs: undefined })].map(watch);
    await clock.advance(15 * 60_000 - 1);
    expect(calls.map(({ state }) => state)).toEqual(["pending", "pending", "pending"]);
    await clock.advance(10);
    for (const { error } of calls)
      expect(error).toMatchObject({ code: "TIMEOUT", phase: "server", timeoutMs: 900_000 });
  });

  test("end earlier if they are told to", async () => {
    const { db, clock } = await connectedClient();
    const controller = new AbortController();
    const [late, aborted] = [
      db.checkpoint({ timeoutMs: 500 }),
      db.compact({ signal: controller.signal }),
    ].map(watch);
    await clock.advance(600);
    controller.abort("enough");
    await settle();
    expect([late!.error.code, aborted!.error.code]).toEqual(["TIMEOUT", "ABORTED"]);
  });

  test("are asked for again when the connection is lost, as doing them twice does no harm", async () => {
    const { db, network, clock } = await connectedClient();
    const calls = [db.checkpoint(), db.compact()].map(watch);
    await settle();
    network.last.close();
    network.isAutomatic = true;
    await clock.advance(100);
    expect(calls.map(({ state }) => state)).toEqual(["fulfilled", "fulfilled"]);
  });
});
