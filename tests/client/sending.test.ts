import { describe, expect, test } from "bun:test";
import { codecs } from "../../client/codecs.ts";
import { connectedClient, watch } from "./support/test-client.ts";
import { MemoryNetwork } from "./support/memory-network.ts";
import { settle } from "./support/test-clock.ts";

describe("a tick", () => {
  test("sends all its calls in one write", async () => {
    const { db, network } = await connectedClient();
    const { writes } = network.last;
    const before = writes.length;
    const calls = Array.from({ length: 1_000 }, (_, index) => watch(db.put(`k${index}`, index)));
    expect(writes.length).toBe(before);
    await settle();
    expect(writes.length).toBe(before + 1);
    network.last.exchange();
    await settle();
    expect(calls.every((call) => call.state === "fulfilled")).toBe(true);
  });

  test("sends in one write what a hundred callers ask next, however deep their promises are", async () => {
    const { db, network } = await connectedClient();
    const deep = async (depth: number, index: number): Promise<unknown> =>
      depth === 0 ? db.get(`k${index}`) : await deep(depth - 1, index);
    const callers = Array.from({ length: 100 }, async (_, index) => {
      for (let round = 0; round < 3; round++) await deep(index % 4, index);
    });
    const writes: number[] = [];
    for (let round = 0; round < 3; round++) {
      await settle();
      writes.push(network.last.writes.length);
      network.last.exchange();
    }
    await Promise.all(callers);
    expect(writes).toEqual([2, 3, 4]);
  });

  test("that goes on calling for ever is sent nevertheless", async () => {
    const { db, network } = await connectedClient();
    let calls = 0;
    const again = (): void => {
      if (calls++ < 1_000) queueMicrotask(again);
      watch(db.get("a"));
    };
    again();
    await Promise.resolve();
    for (let turn = 0; turn < 200; turn++) await Promise.resolve();
    expect(network.last.writes.length).toBeGreaterThan(1);
  });

  test("with much to send does so in slices, before its end", async () => {
    const { db, network } = await connectedClient();
    for (let index = 0; index < 10; index++) watch(db.put(`k${index}`, new Uint8Array(100_000)));
    expect(network.last.writes.length).toBeGreaterThan(2);
    await settle();
    const sent = network.last.writes.slice(1);
    expect(Math.max(...sent.map((write) => write.length))).toBeLessThan(300_000);
    network.last.serve();
    expect(network.store.entries.length).toBe(10);
  });
});

describe("the server's limit of requests in flight", () => {
  test("holds calls back, and each answer lets the next one go", async () => {
    const network = new MemoryNetwork();
    network.script.limits = { ...network.script.limits, inFlightRequestsMax: 11 };
    const { db } = await connectedClient({}, network);
    const calls = Array.from({ length: 25 }, (_, index) => watch(db.put(`k${index}`, index)));
    await settle();
    const counts: number[] = [];
    while (calls.some((call) => call.state === "pending")) {
      network.last.serve();
      counts.push(network.last.outbox.length);
      network.last.exchange();
      await settle();
    }
    // One is left for the connection's own pings.
    expect(counts).toEqual([10, 10, 5]);
  });

  test("counts what was aborted until the server has answered it", async () => {
    const network = new MemoryNetwork();
    network.script.limits = { ...network.script.limits, inFlightRequestsMax: 3 };
    const { db } = await connectedClient({}, network);
    const controller = new AbortController();
    for (let index = 0; index < 2; index++) watch(db.get("a", { signal: controller.signal }));
    await settle();
    controller.abort();
    const next = watch(db.get("b"));
    await settle();
    expect(network.last.writes.length).toBe(2);
    network.last.exchange();
    await settle();
    expect(network.last.writes.length).toBe(3);
    network.last.exchange();
    await settle();
    expect(next.state).toBe("fulfilled");
  });
});

describe("a socket that takes no more", () => {
  test("is not given more, and what waits then is certainly not applied", async () => {
    const { db, network, clock } = await connectedClient();
    const connection = network.last;
    connection.isWritable = false;
    const sent = watch(db.put("a", 1));
    await settle();
    const waiting = watch(db.put("b", 2));
    await settle();
    expect(connection.writes.length).toBe(2);
    await clock.advance(5_000);
    expect(sent.error).toMatchObject({
      code: "UNKNOWN_OUTCOME",
      cause: { code: "TIMEOUT", phase: "server" },
    });
    expect(waiting.error).toMatchObject({ code: "TIMEOUT", phase: "queue", outcome: "not-applied" });
    connection.drain();
    await settle();
    connection.serve();
    expect(network.store.entries.map(({ key }) => key.toString())).toEqual(["a"]);
  });

  test("is given what waits as soon as it drains", async () => {
    const { db, network } = await connectedClient();
    network.last.isWritable = false;
    watch(db.put("a", 1));
    await settle();
    const waiting = watch(db.put("b", 2));
    network.last.drain();
    network.last.exchange();
    await settle();
    expect(waiting.state).toBe("fulfilled");
  });
});

describe("the queue", () => {
  test("is bounded in bytes, and takes calls again once it has been sent", async () => {
    const { db, network, clock } = await connectedClient({ queueBytesMax: 100_000 });
    network.last.close();
    const calls = Array.from({ length: 400 }, (_, index) => watch(db.put(`k${index}`, index)));
    await settle();
    const refused = calls.filter((call) => call.state === "rejected");
    expect(refused.length).toBeGreaterThan(0);
    expect(calls.length - refused.length).toBeGreaterThan(100_000 / 400);
    expect(refused[0]!.error).toMatchObject({ code: "QUEUE_FULL", outcome: "not-applied", limit: 100_000 });
    network.isAutomatic = true;
    await clock.advance(1_000);
    expect(calls.filter((call) => call.state === "fulfilled").length).toBe(calls.length - refused.length);
    expect(await db.get("k0")).toBe(0);
  });

  test("takes one value that is larger than its bound", async () => {
    const { db, network } = await connectedClient({ queueBytesMax: 1 });
    const put = watch(db.put("a", new Uint8Array(10_000)));
    await settle();
    network.last.exchange();
    await settle();
    expect(put.state).toBe("fulfilled");
  });

  test("gets back the room of calls that were aborted while they waited", async () => {
    const { db, network, clock } = await connectedClient({ queueBytesMax: 1_000_000 });
    network.last.close();
    const staying = watch(db.put("first", 0));
    for (let round = 0; round < 50; round++) {
      const controller = new AbortController();
      const calls = Array.from({ length: 50 }, (_, index) =>
        watch(db.put(`k${index}`, new Uint8Array(1_000), { signal: controller.signal })),
      );
      controller.abort();
      await settle();
      expect(calls.every((call) => call.error?.code === "ABORTED")).toBe(true);
    }
    network.isAutomatic = true;
    await clock.advance(4_000);
    expect(staying.state).toBe("fulfilled");
    expect(network.store.entries.map(({ key }) => key.toString())).toEqual(["first"]);
  });
});

test("a frame that is longer than the server accepts is refused, and leaves nothing behind", async () => {
  const network = new MemoryNetwork();
  network.script.limits = { ...network.script.limits, frameBytesMax: 10_000 };
  const { db } = await connectedClient({}, network);
  const calls = [
    watch(db.put("a", 1)),
    watch(db.put("b", new Uint8Array(10_000))),
    watch(db.batch().put("c", new Uint8Array(6_000)).put("d", new Uint8Array(6_000)).commit()),
    watch(db.put("e", 2)),
  ];
  await settle();
  network.last.exchange();
  await settle();
  expect(calls.map((call) => call.error?.code ?? call.state)).toEqual([
    "fulfilled",
    "LIMIT_EXCEEDED",
    "LIMIT_EXCEEDED",
    "fulfilled",
  ]);
  expect(calls[1]!.error).toMatchObject({ limit: 10_000, outcome: "not-applied" });
});

describe("a signal", () => {
  test("ends a read after it was sent, and its answer reaches nobody", async () => {
    const { db, network } = await connectedClient();
    await answered(network, db.put("a", "of a"));
    await answered(network, db.put("b", "of b"));
    const controller = new AbortController();
    const aborted = watch(db.get("a", { signal: controller.signal }));
    await settle();
    controller.abort("enough");
    await settle();
    expect(aborted.error).toMatchObject({
      name: "AbortError",
      code: "ABORTED",
      outcome: "not-applied",
      cause: "enough",
    });
    const next = watch(db.get("b"));
    await settle();
    network.last.exchange();
    await settle();
    expect(next.value).toBe("of b");
  });

  test("makes the outcome of a write unknown after it was sent", async () => {
    const { db, network } = await connectedClient();
    const controller = new AbortController();
    const aborted = watch(db.put("a", 1, { signal: controller.signal }));
    await settle();
    controller.abort();
    await settle();
    expect(aborted.error).toMatchObject({
      code: "UNKNOWN_OUTCOME",
      outcome: "unknown",
      cause: { name: "AbortError", outcome: "unknown" },
    });
    network.last.serve();
    expect(network.store.entries.length).toBe(1);
  });

  test("is listened to no longer than its call takes", async () => {
    const { db, network } = await connectedClient();
    const controller = new AbortController();
    const { signal } = controller;
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = function (...args: [any, any]) {
      listeners++;
      addEventListener.apply(this, args);
    };
    signal.removeEventListener = function (...args: [any, any]) {
      listeners--;
      removeEventListener.apply(this, args);
    };
    const calls = Array.from({ length: 10 }, () => watch(db.get("a", { signal })));
    expect(listeners).toBe(10);
    await settle();
    network.last.exchange();
    await settle();
    expect(listeners).toBe(0);
    controller.abort();
    expect(calls.every((call) => call.state === "fulfilled")).toBe(true);
  });
});

describe("a deadline", () => {
  test("ends a read that the server does not answer, and a late answer reaches nobody", async () => {
    const { db, network, clock } = await connectedClient();
    await answered(network, db.put("a", "of a"));
    const late = watch(db.get("a", { timeoutMs: 100 }));
    await clock.advance(99);
    expect(late.state).toBe("pending");
    await clock.advance(10);
    expect(late.error).toMatchObject({
      code: "TIMEOUT",
      phase: "server",
      timeoutMs: 100,
      outcome: "not-applied",
    });
    const next = watch(db.get("b"));
    await settle();
    network.last.exchange();
    await settle();
    expect(next).toMatchObject({ state: "fulfilled", value: undefined });
  });

  test("of five seconds is every call's own", async () => {
    const { db, network, clock } = await connectedClient();
    network.last.isWritable = false;
    watch(db.ping());
    await settle();
    const calls = [
      db.get("a"),
      db.put("a", 1),
      db.getMany(["a"]),
      db.scan().all(),
      db.stats(),
      db.ping(),
    ].map(watch);
    await clock.advance(4_999);
    expect(calls.map((call) => call.state)).toEqual(calls.map(() => "pending"));
    await clock.advance(20);
    expect(calls.map((call) => call.error?.code)).toEqual(calls.map(() => "TIMEOUT"));
  });

  test("can be told by an option and by the call", async () => {
    const { db, network, clock } = await connectedClient({ timeoutMs: 1_000 });
    network.last.isWritable = false;
    watch(db.ping());
    await settle();
    const calls = [
      watch(db.get("a")),
      watch(db.get("a", { timeoutMs: 10 })),
      watch(db.get("a", { timeoutMs: 2_000 })),
    ];
    const states = async (ms: number) => {
      await clock.advance(ms);
      return calls.map((call) => call.state);
    };
    expect(await states(20)).toEqual(["pending", "rejected", "pending"]);
    expect(await states(1_000)).toEqual(["rejected", "rejected", "pending"]);
    expect(await states(1_000)).toEqual(["rejected", "rejected", "rejected"]);
  });

  test("is not held against an answer that was there already when the process paused", async () => {
    const { db, network, clock } = await connectedClient();
    const call = watch(db.get("a", { timeoutMs: 100 }));
    await settle();
    // The timer fires first, as after a pause; the answer is read in the same turn of the loop.
    clock.schedule(100, () => network.last.exchange());
    await clock.advance(200);
    expect(call.state).toBe("fulfilled");
  });

  test("covers all requests of a getMany together", async () => {
    const network = new MemoryNetwork();
    network.script.pageEntriesMax = 1;
    const { db, clock } = await connectedClient({}, network);
    const call = watch(db.getMany(["a", "b", "c", "d"], { timeoutMs: 100 }));
    for (let page = 0; page < 3; page++) {
      await clock.advance(30);
      expect(call.state).toBe("pending");
      network.last.exchange();
    }
    await clock.advance(30);
    expect(call.error).toMatchObject({ code: "TIMEOUT" });
  });
});

async function answered(network: MemoryNetwork, call: Promise<unknown>): Promise<unknown> {
  await settle();
  network.last.exchange();
  return call;
}

test("a batch is counted as the server counts it: 12 bytes, and 8 for each operation beside its key and value", async () => {
  const network = new MemoryNetwork();
  network.script.limits = { ...network.script.limits, batchBytesMax: 12 + (8 + 1 + 10) + (8 + 1) };
  const { db } = await connectedClient({ codec: codecs.bytes }, network);
  const batch = db.batch().put("a", new Uint8Array(10));
  expect(() => batch.delete("bb")).toThrow(
    expect.objectContaining({ code: "LIMIT_EXCEEDED", limit: 40, actual: 41 }),
  );
  const written = watch(batch.delete("b").commit());
  await settle();
  network.last.exchange();
  await settle();
  expect(written.state).toBe("fulfilled");
});
