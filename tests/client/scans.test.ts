import { describe, expect, test } from "bun:test";
import { codecs } from "../../client/codecs.ts";
import type { ScanOptions } from "../../client/scan.ts";
import { opcode } from "../../src/protocol/opcodes.ts";
import { MemoryNetwork } from "./support/memory-network.ts";
import { connectedClient, watch, type TestClient } from "./support/test-client.ts";
import type { ScanLie } from "./support/scripted-session.ts";
import { settle } from "./support/test-clock.ts";

/** A client whose server answers at once, in pages of ten, and has the entries k100 to k199. */
async function clientWithEntries(): Promise<TestClient> {
  const network = new MemoryNetwork();
  network.script.pageEntriesMax = 10;
  const client = await connectedClient({}, network);
  network.isAutomatic = true;
  await Promise.all(Array.from({ length: 100 }, (_, index) => client.db.put(`k${100 + index}`, index)));
  return client;
}

const count = (network: MemoryNetwork, code: number) =>
  network.connections.flatMap(({ session }) => session.opcodes).filter((other) => other === code).length;

const everyValue = Array.from({ length: 100 }, (_, index) => index);

describe("a scan over several pages", () => {
  test("shows one moment, whatever is written between its pages", async () => {
    const { db } = await clientWithEntries();
    const seen: unknown[] = [];
    for await (const { value } of db.scan()) {
      seen.push(value);
      if (seen.length === 5)
        await db.batch().put("k195", "changed").delete("k196").put("k1965", "new").commit();
    }
    expect(seen).toEqual(everyValue);
    expect((await db.scan({ start: "k195", limit: 2 }).all()).map(({ value }) => value)).toEqual([
      "changed",
      "new",
    ]);
  });

  test("reads a snapshot that the server opens with the first page and closes with the last", async () => {
    const { db, network } = await clientWithEntries();
    const open: number[] = [];
    let entries = 0;
    for await (const _ of db.scan()) {
      await settle();
      if (entries++ % 10 === 0) open.push(network.store.snapshots.size);
    }
    // While the last page but one is used, the last has come.
    await settle();
    expect(open).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 0, 0]);
    expect(count(network, opcode.closeSnapshot)).toBe(0);
  });

  test("in a snapshot reads that one, and leaves it open", async () => {
    const { db, network } = await clientWithEntries();
    const snapshot = await db.snapshot();
    await db.put("k150", "changed");
    for await (const { value } of snapshot.scan()) if (value === 33) break;
    const scanned = await snapshot.keyspace("k1").scan({ start: "1" }).all();
    expect(scanned.map(({ value }) => value)).toEqual(everyValue.slice(10));
    expect((await snapshot.scan({ limit: 15 }).all()).length).toBe(15);
    expect(network.store.snapshots.size).toBe(1);
    expect(await snapshot.get("k150")).toBe(50);
  });

  test("that is wanted only in part closes the snapshot with its last page", async () => {
    const { db, network } = await clientWithEntries();
    let seen = 0;
    for await (const _ of db.scan({ limit: 25 })) {
      await settle();
      if (++seen === 21) expect(network.store.snapshots.size).toBe(0);
    }
    expect(seen).toBe(25);
    await settle();
    expect(count(network, opcode.closeSnapshot)).toBe(1);
  });

  const ends: { name: string; end: (db: TestClient["db"]) => Promise<unknown> }[] = [
    {
      name: "break",
      async end(db) {
        for await (const { value } of db.scan()) if (value === 15) break;
      },
    },
    {
      name: "an error of the loop's own",
      async end(db) {
        for await (const { value } of db.scan()) if (value === 15) throw new Error("mine");
      },
    },
    {
      name: "return of the iterator",
      async end(db) {
        const iterator = db.scan()[Symbol.asyncIterator]();
        await iterator.next();
        await iterator.return();
      },
    },
    {
      name: "a value that cannot be read",
      async end(db) {
        await db.keyspace("", { codec: codecs.string }).put("k115", "no msgpack");
        await db.scan().all();
      },
    },
    {
      name: "its signal",
      async end(db) {
        const controller = new AbortController();
        for await (const { value } of db.scan({ signal: controller.signal }))
          if (value === 5) controller.abort();
      },
    },
  ];
  for (const { name, end } of ends) {
    test(`that is ended by ${name} closes its snapshot, without a wait for the answer`, async () => {
      const { db, network } = await clientWithEntries();
      network.script.unanswered = [opcode.closeSnapshot];
      const ended = watch(end(db));
      for (let turn = 0; turn < 10; turn++) await settle();
      expect(ended.state).not.toBe("pending");
      expect(count(network, opcode.closeSnapshot)).toBe(1);
    });
  }

  test("whose snapshot cannot be closed ends as if it could", async () => {
    const { db, network, clock } = await clientWithEntries();
    let seen = 0;
    for await (const _ of db.scan()) {
      if (++seen < 15) continue;
      network.isReachable = false;
      network.last.close();
      break;
    }
    await clock.advance(10_000);
    expect(seen).toBe(15);
  });

  test("may be used slowly: its snapshot is renewed as long as the loop lives", async () => {
    const { db, network, clock } = await clientWithEntries();
    const seen: unknown[] = [];
    for await (const { value } of db.scan()) {
      seen.push(value);
      if (value !== 15) continue;
      await clock.advance(30_000);
      expect(network.store.leasesMs).toEqual([30_000, 30_000, 30_000]);
      expect(clock.keepingAlive).toBe(0);
    }
    expect(seen).toEqual(everyValue);
    await clock.advance(60_000);
    expect(count(network, opcode.renewSnapshot)).toBe(3);
  });

  test("that was begun and forgotten is not renewed for ever", async () => {
    const { db, network, clock } = await clientWithEntries();
    const forgotten = 200;
    const begin = async () => void (await db.scan()[Symbol.asyncIterator]().next());
    for (let index = 0; index < forgotten; index++) await begin();
    const kept = db.scan()[Symbol.asyncIterator]();
    await kept.next();
    await settle();
    Bun.gc(true);
    await clock.advance(10_000);
    // A collector may miss one that still lies on the stack.
    expect(network.store.leasesMs.length).toBeLessThan(forgotten / 10);
    expect(network.store.leasesMs.length).toBeGreaterThanOrEqual(1);
    expect((await kept.next()).value).toMatchObject({ value: 1 });
  });

  for (const sent of [true, false]) {
    test(`goes on at its moment when the connection is lost ${sent ? "after" : "before"} a page was asked for`, async () => {
      const { db, network, clock } = await clientWithEntries();
      const seen: unknown[] = [];
      let writes = 0;
      for await (const { value } of db.scan()) {
        seen.push(value);
        if (value === 9) {
          await settle();
          writes = network.last.writes.length;
          network.isAutomatic = false;
          if (!sent) network.last.close();
        }
        // The third page is asked for when the second one begins.
        if (value === 10) {
          await settle();
          expect(network.last.writes.length - writes).toBe(sent ? 1 : 0);
          if (sent) network.last.close();
          network.isAutomatic = true;
          await clock.advance(100);
          await db.put("k195", "changed");
        }
      }
      expect(seen).toEqual(everyValue);
      expect(network.connections.length).toBe(2);
    });
  }

  test("throws a SnapshotExpiredError when its last page, with which the server closed the snapshot, was lost", async () => {
    const { db, network, clock } = await clientWithEntries();
    const scanned = async () => {
      for await (const { value } of db.scan()) {
        if (value !== 79) continue;
        await settle();
        network.isAutomatic = false;
      }
    };
    const scan = watch(scanned());
    while (network.isAutomatic) await settle();
    await settle();
    network.last.serve();
    expect(network.store.snapshots.size).toBe(0);
    network.last.close();
    network.isAutomatic = true;
    await clock.advance(100);
    expect(scan.error).toMatchObject({ code: "SNAPSHOT_EXPIRED" });
  });

  test("throws a SnapshotExpiredError, and shows no entry of another moment, when the server was restarted", async () => {
    const { db, network, clock } = await clientWithEntries();
    const seen: unknown[] = [];
    const scanned = async () => {
      for await (const { value } of db.scan()) {
        seen.push(value);
        if (value !== 15) continue;
        await db.put("k195", "changed");
        network.store.snapshots.clear();
        network.last.close();
        await clock.advance(100);
      }
    };
    const scan = watch(scanned());
    while (scan.state === "pending") await settle();
    expect(scan.error).toMatchObject({ name: "SnapshotExpiredError", code: "SNAPSHOT_EXPIRED" });
    // The page that was asked for ahead had come.
    expect(seen).toEqual(everyValue.slice(0, 30));
  });

  test("asks for the next page while this one is being used, and for no more", async () => {
    const { db, network } = await clientWithEntries();
    const seen: number[] = [];
    let entries = 0;
    for await (const _ of db.scan()) {
      await settle();
      if (entries++ % 10 === 0) seen.push(count(network, opcode.scan));
    }
    expect(seen).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 10]);
  });

  test("tells of a page that could not be read only when its turn comes", async () => {
    const network = new MemoryNetwork();
    network.script.pageEntriesMax = 2;
    const { db, clock } = await connectedClient({}, network);
    network.isAutomatic = true;
    for (let index = 0; index < 4; index++) await db.put(`k${index}`, index);
    network.isAutomatic = false;
    const seen: string[] = [];
    const scanned = async () => {
      for await (const { key } of db.scan({ timeoutMs: 100 })) {
        seen.push(key);
        await clock.advance(200);
      }
    };
    const scan = watch(scanned());
    await settle();
    network.last.exchange();
    while (scan.state === "pending") await settle();
    expect(scan.error).toMatchObject({ code: "TIMEOUT", phase: "server" });
    expect(seen).toEqual(["k0", "k1"]);
  });
});

describe("a server that lies about pages is left, and the scan ends with its deadline:", () => {
  const lies: { lie: ScanLie; options: ScanOptions }[] = [
    { lie: "every page is the first", options: {} },
    { lie: "every page is the first", options: { reverse: true } },
    { lie: "the first page has no snapshot", options: {} },
    { lie: "the second page has a snapshot", options: {} },
    { lie: "a page has more than was wanted", options: { limit: 5 } },
  ];
  for (const { lie, options } of lies) {
    test(`${lie}, with ${JSON.stringify(options)}`, async () => {
      const { db, network, clock } = await clientWithEntries();
      network.script.scanLie = lie;
      const scan = watch(db.scan(options).all());
      await clock.advance(6_000);
      expect(scan.error).toMatchObject({ code: "TIMEOUT" });
      expect(network.connections.length).toBeGreaterThan(1);
    });
  }

  test("a page without a snapshot is no lie when it has all that was wanted", async () => {
    const { db, network } = await clientWithEntries();
    network.script.scanLie = "the first page has no snapshot";
    expect((await db.scan({ limit: 5 }).all()).length).toBe(5);
  });
});

describe("a scan of one page", () => {
  test("leaves no snapshot behind", async () => {
    const { db, network } = await clientWithEntries();
    expect((await db.scan({ prefix: "k10" }).all()).length).toBe(10);
    expect(count(network, opcode.closeSnapshot)).toBe(0);
    expect((await db.scan({ limit: 5 }).all()).length).toBe(5);
    await settle();
    expect(network.store.snapshots.size).toBe(0);
  });

  test("with keys only asks for no values", async () => {
    const { db, network } = await clientWithEntries();
    const bytes = () => network.last.session.bytesAnswered;
    await db.put("long", "x".repeat(10_000));
    const before = bytes();
    expect(await db.scan({ prefix: "long", keysOnly: true }).all()).toEqual([{ key: "long", version: 101 }]);
    expect(bytes() - before).toBeLessThan(100);
  });
});
