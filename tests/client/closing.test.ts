import { describe, expect, test } from "bun:test";
import { MemoryNetwork } from "./support/memory-network.ts";
import { connectedClient, watch } from "./support/test-client.ts";
import { settle } from "./support/test-clock.ts";

describe("close", () => {
  test("waits for answers, then says goodbye", async () => {
    const { db, network, states } = await connectedClient();
    const put = watch(db.put("a", 1));
    const closed = watch(db.close());
    await settle();
    expect(closed.state).toBe("pending");
    network.last.exchange();
    await settle();
    expect([put.state, closed.state]).toEqual(["fulfilled", "fulfilled"]);
    expect(network.last.isEnded).toBe(true);
    expect(states).toEqual(["ready", "closing", "closed"]);
  });

  test("ends what is not answered within its time, each call as what is known of it", async () => {
    const { db, network, clock } = await connectedClient({ closeTimeoutMs: 1_000 });
    const write = watch(db.put("a", 1));
    const read = watch(db.get("a"));
    await settle();
    network.last.isWritable = false;
    watch(db.ping());
    await settle();
    const unsent = watch(db.put("b", 1));
    const closed = watch(db.close());
    await clock.advance(999);
    expect(closed.state).toBe("pending");
    await clock.advance(10);
    expect(closed.state).toBe("fulfilled");
    expect(write.error).toMatchObject({ code: "UNKNOWN_OUTCOME", cause: { code: "CLOSED" } });
    expect(read.error).toMatchObject({ code: "CLOSED", outcome: "not-applied" });
    expect(unsent.error).toMatchObject({ code: "CLOSED", outcome: "not-applied" });
  });

  test("reconnects for calls that wait, as long as it has time", async () => {
    const { db, network, clock, states } = await connectedClient();
    network.last.close();
    const put = watch(db.put("a", 1));
    const closed = watch(db.close());
    expect(db.state).toBe("closing");
    network.isAutomatic = true;
    await clock.advance(200);
    expect([put.state, closed.state, db.state]).toEqual(["fulfilled", "fulfilled", "closed"]);
    expect(states).toEqual(["ready", "reconnecting", "closing", "closed"]);
  });

  test("without a connection, and nothing to wait for, is done at once and for good", async () => {
    const { db, network, clock } = await connectedClient();
    network.last.close();
    network.isAutomatic = true;
    const closed = watch(db.close());
    await settle();
    expect(closed.state).toBe("fulfilled");
    await clock.advance(60_000);
    expect(network.connections.length).toBe(1);
  });

  test("drops a socket whose other side does not close", async () => {
    const { db, network, clock } = await connectedClient();
    await db.close();
    expect(network.last.isDestroyed).toBe(false);
    await clock.advance(3_000);
    expect(network.last.isDestroyed).toBe(true);
  });

  test("lets the page ahead of a scan that was left go", async () => {
    const network = new MemoryNetwork();
    network.script.pageEntriesMax = 2;
    const { db } = await connectedClient({}, network);
    network.isAutomatic = true;
    for (let index = 0; index < 10; index++) await db.put(`k${index}`, index);
    for await (const { key } of db.scan()) {
      if (key === "k1") break;
      network.isAutomatic = false;
    }
    const closed = watch(db.close());
    network.last.exchange();
    await settle();
    expect(closed.state).toBe("fulfilled");
  });
});

describe("warnings", () => {
  for (const syncMode of ["batch", "none"] as const) {
    test(`tell once of sync mode ${syncMode}`, async () => {
      const network = new MemoryNetwork();
      network.script.syncMode = syncMode;
      const { db, clock, warnings } = await connectedClient({}, network);
      expect(db.syncMode).toBe(syncMode);
      network.isAutomatic = true;
      network.last.close();
      await clock.advance(1_000);
      expect(db.state).toBe("ready");
      expect(warnings).toEqual([
        { code: "SYNC_MODE", message: expect.stringContaining(`sync mode ${syncMode}`) },
      ]);
    });
  }

  test("reach the process when nobody listens, and so does a listener that throws", async () => {
    const emitted: unknown[] = [];
    const { emitWarning } = process;
    process.emitWarning = ((message: string, options: { code: string }) =>
      void emitted.push([options.code, message])) as typeof process.emitWarning;
    try {
      const network = new MemoryNetwork();
      network.script.syncMode = "none";
      const onStateChange = () => {
        throw new Error("my own bug");
      };
      const { db } = await connectedClient({ onWarning: undefined, onStateChange }, network);
      expect(db.state).toBe("ready");
    } finally {
      process.emitWarning = emitWarning;
    }
    expect(emitted).toEqual([
      ["SYNC_MODE", expect.stringContaining("sync mode none")],
      ["LISTENER_FAILED", expect.stringContaining("my own bug")],
    ]);
  });
});
