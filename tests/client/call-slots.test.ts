import { describe, expect, test } from "bun:test";
import { Buffer } from "node:buffer";
import { CallDeadlines } from "../../client/call-deadlines.ts";
import { Call } from "../../client/call.ts";
import { codecs } from "../../client/codecs.ts";
import { connectedClient, watch, type TestClient } from "./support/test-client.ts";
import { settle, TestClock } from "./support/test-clock.ts";

/** Calls share slots, one clock reading for each tick, and the buffers that the network reads into. */

describe("a slot", () => {
  test("is nobody else's until the answer to its call came, however late", async () => {
    const { db, network, clock } = await storing({ a: "of a", b: "of b", c: "of c" });
    const late = watch(db.get("a", { timeoutMs: 50 }));
    await settle();
    network.last.serve();
    const [answerToLate] = network.last.outbox.splice(0);
    await clock.advance(60);
    expect(late.error).toMatchObject({ code: "TIMEOUT" });

    const others = [watch(db.get("b")), watch(db.get("c"))];
    await settle();
    network.last.serve();
    // The first is a pong: a server that is late is asked for a sign of life.
    const [pong, answerToB, answerToC] = network.last.outbox.splice(0);
    network.last.deliver(Buffer.concat([pong!, answerToB!, answerToLate!, answerToC!]));
    await settle();
    expect(others.map(({ value }) => value)).toEqual(["of b", "of c"]);
    expect(db.state).toBe("ready");
  });

  test("that is used again has another id: a second answer to the call before ends the connection", async () => {
    const { db, network } = await storing({ a: "of a", b: "of b" });
    const first = watch(db.get("a"));
    await settle();
    network.last.serve();
    const [answer] = network.last.outbox.splice(0);
    network.last.deliver(Buffer.from(answer!));
    await settle();
    expect(first.value).toBe("of a");

    const next = watch(db.get("b"));
    await settle();
    network.last.deliver(Buffer.from(answer!));
    await settle();
    expect(db.state).toBe("reconnecting");
    expect(next.state).toBe("pending");
  });
});

describe("a call's time", () => {
  test("is measured from the end of its tick, so that no call of a long one is ended early", async () => {
    const { db, clock } = await connectedClient();
    const calls = [20, 100, 100, 40].map((timeoutMs) => {
      const call = watch(db.get("a", { timeoutMs }));
      clock.nowMs += 30;
      return call;
    });
    await settle();
    const ended = async (ms: number) => {
      await clock.advance(ms);
      return calls.map(({ state }) => state === "rejected");
    };
    expect(await ended(19)).toEqual([false, false, false, false]);
    expect(await ended(4)).toEqual([true, false, false, false]);
    expect(await ended(16)).toEqual([true, false, false, false]);
    expect(await ended(5)).toEqual([true, false, false, true]);
    expect(await ended(55)).toEqual([true, false, false, true]);
    expect(await ended(5)).toEqual([true, true, true, true]);
  });

  test("runs without a connection as well, and needs one timer for all calls", async () => {
    const { db, network, clock } = await connectedClient();
    network.isReachable = false;
    network.last.close();
    await settle();
    const timers = clock.waiting;
    const calls = Array.from({ length: 100 }, (_, index) => watch(db.get("a", { timeoutMs: 200 + index })));
    await settle();
    expect(clock.waiting).toBe(timers + 1);
    await clock.advance(198);
    expect(calls.every(({ state }) => state === "pending")).toBe(true);
    await clock.advance(105);
    expect(calls.every(({ error }) => error?.code === "TIMEOUT" && error.phase === "connect")).toBe(true);
  });

  test("is not that of the call which had the slot before, even for a call that is made while others are ended", async () => {
    const clock = new TestClock();
    const [first, second] = [new Call(1, () => {}), new Call(2, () => {})];
    const ended: number[] = [];
    const deadlines = new CallDeadlines(clock, [first, second], (call) => {
      ended.push(call.index);
      call.state = "forgotten";
      if (call === first) queue(second, 100);
    });
    const queue = (call: Call, timeoutMs: number) => {
      Object.assign(call, { state: "queued", timeoutMs });
      deadlines.add(call);
    };
    second.deadlineMs = 1;
    queue(first, 10);
    deadlines.begin();
    await clock.advance(20);
    expect(ended).toEqual([1]);
    deadlines.begin();
    await clock.advance(110);
    expect(ended).toEqual([1, 2]);
  });

  test("never begins, and no timer with it, when all calls were ended in its tick", () => {
    const clock = new TestClock();
    const call = new Call(1, () => {});
    const deadlines = new CallDeadlines(clock, [call], () => {});
    call.timeoutMs = 10;
    deadlines.add(call);
    deadlines.stop();
    deadlines.begin();
    expect(clock.waiting).toBe(0);
  });
});

describe("what was read", () => {
  const values: { name: string; value: unknown; codec: any }[] = [
    { name: "a text", value: "a".repeat(100), codec: codecs.msgpack() },
    {
      name: "an object",
      value: { name: "Ada", tags: ["a", "b"], more: { x: "y".repeat(40) } },
      codec: codecs.msgpack(),
    },
    { name: "bytes within an object", value: { bytes: new Uint8Array([1, 2, 3]) }, codec: codecs.msgpack() },
    { name: "bytes", value: new Uint8Array(100).fill(7), codec: codecs.bytes },
    { name: "text of the text codec", value: "ä".repeat(50), codec: codecs.string },
  ];
  for (const { name, value, codec } of values) {
    test(`is no view of the network's buffer: ${name}`, async () => {
      const { db, network } = await connectedClient();
      const entries = db.keyspace<any>("x/", { codec });
      const stored = watch(entries.put("a", value));
      const read = watch(entries.get("a"));
      await settle();
      network.last.serve();
      const bytes = Buffer.concat(network.last.outbox.splice(0));
      network.last.deliver(bytes);
      bytes.fill(0x20);
      await settle();
      expect(stored.state).toBe("fulfilled");
      expect(read.value).toEqual(codec.decode(codec.encode(value)));
    });
  }
});

async function storing(entries: Record<string, unknown>): Promise<TestClient> {
  const client = await connectedClient();
  const calls = Object.entries(entries).map(([key, value]) => watch(client.db.put(key, value)));
  await settle();
  client.network.last.exchange();
  await settle();
  expect(calls.every(({ state }) => state === "fulfilled")).toBe(true);
  return client;
}
