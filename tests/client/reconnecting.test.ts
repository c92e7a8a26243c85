import { describe, expect, test } from "bun:test";
import { Buffer } from "node:buffer";
import { connectWithin } from "../../client/connect.ts";
import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { opcode } from "../../src/protocol/opcodes.ts";
import { encodeError, encodePong } from "../../src/protocol/response-encoder.ts";
import {
  answerFrameBytesMax,
  keyBytesMax,
  pageBytesMax,
  pageEntriesMax,
  valueBytesMax,
} from "../../src/lib/limits.ts";
import { status } from "../../src/protocol/status.ts";
import { MemoryNetwork } from "./support/memory-network.ts";
import { connectedClient, watch } from "./support/test-client.ts";
import { settle, TestClock } from "./support/test-clock.ts";

describe("a connection that is lost", () => {
  test("leaves calls that were not sent waiting for the next one", async () => {
    const { db, network, clock, states } = await connectedClient();
    network.last.close(new Error("cut"));
    const calls = [db.put("a", 1), db.get("a")].map(watch);
    network.isAutomatic = true;
    await clock.advance(100);
    expect(calls.map((call) => call.value)).toEqual([{ version: 1 }, 1]);
    expect(states).toEqual(["ready", "reconnecting", "ready"]);
  });

  test("makes the outcome of writes that were sent unknown, and never sends them again", async () => {
    const { db, network, clock } = await connectedClient();
    const calls = [db.put("a", 1), db.delete("b"), db.batch().put("c", 1).commit()].map(watch);
    await settle();
    network.last.close(new Error("cut"));
    await settle();
    for (const { error } of calls) {
      expect(error).toMatchObject({ code: "UNKNOWN_OUTCOME", outcome: "unknown" });
      expect(error.cause).toMatchObject({ code: "CONNECTION_FAILED", cause: { message: "cut" } });
    }
    expect(calls[0]!.error.message).toContain('put "a"');
    network.isAutomatic = true;
    await clock.advance(5_000);
    expect(network.store.entries).toEqual([]);
  });

  test("has reads that were sent go first on the next one, in their order", async () => {
    const { db, network, clock } = await connectedClient();
    // Slots that were used before come back in another order than that of the calls.
    for (let index = 0; index < 5; index++) watch(db.ping());
    await settle();
    network.last.exchange();
    await settle();
    const reads = [db.get("a"), db.getMany(["a", "b"]), db.scan().all(), db.stats(), db.ping()].map(watch);
    await settle();
    network.last.close();
    const later = watch(db.put("a", 1));
    network.isAutomatic = true;
    await clock.advance(100);
    expect(reads.map((read) => read.state)).toEqual(reads.map(() => "fulfilled"));
    expect(reads[0]!.value).toBeUndefined();
    expect(later.state).toBe("fulfilled");
    const { hello, get, getMany, scan, stats, ping, put } = opcode;
    expect(network.last.session.opcodes).toEqual([hello, get, getMany, scan, stats, ping, put]);
  });

  test("several times in a row keeps reads in their order, and does not lose one", async () => {
    const { db, network, clock } = await connectedClient();
    const reads: ReturnType<typeof watch>[] = [];
    for (let round = 0; round < 5; round++) {
      reads.push(...Array.from({ length: 20 }, (_, index) => watch(db.get(`${round}-${index}`))));
      await settle();
      network.last.close();
      await clock.advance(100);
      network.last.accept();
      if (round % 2 === 0) network.last.exchange();
      await settle();
    }
    network.isAutomatic = true;
    network.last.exchange();
    await settle();
    expect(reads.every((read) => read.state === "fulfilled")).toBe(true);
  });

  test("has a read sent again for the key that was asked for, even if that was bytes and changed", async () => {
    const { db, network, clock } = await connectedClient();
    const keys = [new Uint8Array([1]), new Uint8Array([2])];
    const reads = [db.get(keys[0]!), db.getEntry(keys[0]!), db.getMany(keys)].map(watch);
    await settle();
    keys[0]![0] = 9;
    keys[1]![0] = 9;
    network.last.close();
    network.isAutomatic = true;
    await clock.advance(100);
    network.isAutomatic = false;
    expect(reads.every((read) => read.state === "fulfilled")).toBe(true);
    const sent = Buffer.concat(network.last.writes).toString("hex");
    expect(sent).toContain("c40101");
    expect(sent).toContain("c40102");
    expect(sent).not.toContain("c40109");
  });

  test("does not stretch the deadline of a read", async () => {
    const { db, network, clock } = await connectedClient();
    const read = watch(db.get("a", { timeoutMs: 1_000 }));
    await settle();
    await clock.advance(900);
    network.last.close(new Error("cut"));
    await clock.advance(110);
    expect(read.error).toMatchObject({ code: "TIMEOUT", phase: "connect", timeoutMs: 1_000 });
    expect(read.error.cause.message).toContain("cut");
  });

  test("in the middle of an answer leaves nothing of it for the next one", async () => {
    const { db, network, clock } = await connectedClient();
    const read = watch(db.get("a"));
    await settle();
    network.last.serve();
    network.last.deliver(network.last.outbox[0]!.subarray(0, 5));
    network.last.close();
    network.isAutomatic = true;
    await clock.advance(100);
    expect(read).toMatchObject({ state: "fulfilled", value: undefined });
  });
});

describe("attempts to reconnect", () => {
  test("come one at a time, with random pauses that grow up to their bound and not beyond", async () => {
    const network = new MemoryNetwork();
    const { clock } = await connectedClient({ reconnectDelayMsMax: 1_000 }, network);
    network.isReachable = false;
    network.isAutomatic = true;
    network.last.close();
    const attemptsAtMs: number[] = [];
    let known = network.connections.length;
    for (let ms = 0; ms < 60_000; ms += 10) {
      await clock.advance(10);
      expect(network.connections.length - known).toBeLessThanOrEqual(10);
      while (known < network.connections.length) attemptsAtMs.push(clock.nowMs) && known++;
    }
    const pausesMs = attemptsAtMs.slice(1).map((atMs, index) => atMs - attemptsAtMs[index]!);
    const late = pausesMs.slice(8);
    expect(Math.max(...late)).toBeLessThanOrEqual(1_010);
    expect(Math.max(...late)).toBeGreaterThan(800);
    expect(Math.min(...late)).toBeLessThan(200);
    expect(Math.max(...pausesMs.slice(0, 2))).toBeLessThanOrEqual(210);
    expect(network.connections.filter((connection) => connection.isAlive).length).toBeLessThanOrEqual(1);
  });

  test("that hang are given up, and begun again", async () => {
    const { db, network, clock } = await connectedClient();
    network.last.close();
    await clock.advance(100);
    const hanging = network.last;
    expect(network.connections.length).toBe(2);
    await clock.advance(4_000);
    expect(network.connections.length).toBe(2);
    network.isAutomatic = true;
    await clock.advance(2_000);
    expect(hanging.isDestroyed).toBe(true);
    expect(network.connections.length).toBe(3);
    expect(db.state).toBe("ready");
    hanging.accept();
    expect(db.state).toBe("ready");
  });

  test("that are accepted but not answered are given up as well", async () => {
    const { db, network, clock } = await connectedClient();
    network.last.close();
    await clock.advance(100);
    network.last.accept();
    network.isAutomatic = true;
    await clock.advance(6_000);
    expect(network.connections.length).toBe(3);
    expect(db.state).toBe("ready");
  });

  test("that are refused by name end what waits at once, and go on", async () => {
    const { db, network, clock } = await connectedClient();
    network.script.helloStatus = status.UNAUTHENTICATED;
    network.last.close();
    const waiting = watch(db.put("a", 1));
    network.isAutomatic = true;
    await clock.advance(110);
    expect(waiting.error).toMatchObject({
      code: "CONNECTION_FAILED",
      outcome: "not-applied",
      cause: { code: "UNAUTHENTICATED" },
    });
    network.script.helloStatus = undefined;
    await clock.advance(5_000);
    expect(db.state).toBe("ready");
  });

  test("lead to another store only with a warning", async () => {
    const { network, clock, warnings } = await connectedClient();
    network.script.storeId = new Uint8Array(16).fill(9);
    network.isAutomatic = true;
    network.last.close();
    await clock.advance(100);
    expect(warnings.map((warning) => warning.code)).toEqual(["STORE_CHANGED"]);
  });
});

describe("connect", () => {
  const runtimeOf = (network: MemoryNetwork) => {
    const clock = new TestClock();
    return { clock, random: seededRandom(1), openTransport: network.open };
  };

  test("tries again until its time is up, then leaves nothing running", async () => {
    const network = new MemoryNetwork();
    network.isReachable = false;
    const runtime = runtimeOf(network);
    const connected = watch(connectWithin(runtime, "holdfast://test", { connectTimeoutMs: 3_000 }));
    await runtime.clock.advance(2_900);
    expect(connected.state).toBe("pending");
    expect(network.connections.length).toBeGreaterThan(3);
    await runtime.clock.advance(200);
    expect(connected.error).toMatchObject({ code: "CONNECTION_FAILED" });
    expect(connected.error.message).toContain("refused");
    const { length } = network.connections;
    await runtime.clock.advance(60_000);
    expect(network.connections.length).toBe(length);
  });

  test("finds a server that comes up late", async () => {
    const network = new MemoryNetwork();
    network.isReachable = false;
    const runtime = runtimeOf(network);
    const connected = watch(connectWithin(runtime, "holdfast://test", {}));
    await runtime.clock.advance(1_000);
    network.isReachable = true;
    await runtime.clock.advance(2_000);
    expect(connected.state).toBe("fulfilled");
  });

  for (const name of ["UNAUTHENTICATED", "VERSION_UNSUPPORTED", "UNSUPPORTED"] as const) {
    test(`fails at once when the server answers ${name}`, async () => {
      const network = new MemoryNetwork();
      network.script.helloStatus = status[name];
      const runtime = runtimeOf(network);
      const connected = watch(connectWithin(runtime, "holdfast://test", {}));
      await settle();
      expect(connected.error).toMatchObject({ name: "ServerError", code: name });
      expect(network.last.isDestroyed).toBe(true);
      await runtime.clock.advance(60_000);
      expect(network.connections.length).toBe(1);
    });
  }

  test("fails at once when what answers is no such server", async () => {
    const network = new MemoryNetwork();
    network.isAutomatic = false;
    const connected = watch(connectWithin(runtimeOf(network), "holdfast://test", {}));
    await settle();
    network.last.accept();
    network.last.deliver(Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await settle();
    expect(connected.error).toMatchObject({ name: "ProtocolError", code: "PROTOCOL_VIOLATED" });
  });
});

test("no answer of ours is longer than what a client takes", () => {
  // A page that was one byte short of full, and then the longest entry; each has a key, a version and their heads.
  const page = pageBytesMax + valueBytesMax + keyBytesMax + pageEntriesMax * 24;
  expect(page).toBeLessThan(answerFrameBytesMax);
});

test("an answer that is longer than any of ours ends the connection before it is kept, whatever was announced", async () => {
  const { network } = await connectedClient({});
  const length = Buffer.alloc(4);
  length.writeUInt32BE(answerFrameBytesMax + 1);
  expect(network.script.limits.frameBytesMax).toBeGreaterThan(answerFrameBytesMax);
  network.last.deliver(length);
  await settle();
  expect(network.last.isDestroyed).toBe(true);
});

describe("keepalive", () => {
  const silence = { keepAliveMs: 1_000, keepAliveTimeoutMs: 500 };
  const pings = (network: MemoryNetwork, index = 0) =>
    network.connections[index]!.session.opcodes.filter((code) => code === opcode.ping).length;

  test("asks a silent server, and any bytes are a sign of life", async () => {
    const { db, network, clock } = await connectedClient(silence);
    for (let round = 1; round <= 5; round++) {
      await clock.advance(1_200);
      network.last.exchange();
      expect(pings(network)).toBe(round);
      await clock.advance(300);
    }
    expect(network.connections.length).toBe(1);
    expect(db.state).toBe("ready");
  });

  test("gives up a server that is gone without a word", async () => {
    const { db, network, clock } = await connectedClient(silence);
    const write = watch(db.put("a", 1));
    await settle();
    await clock.advance(1_450);
    expect(db.state).toBe("ready");
    await clock.advance(100);
    expect(network.connections[0]!.isDestroyed).toBe(true);
    expect(write.error).toMatchObject({ code: "UNKNOWN_OUTCOME" });
    expect(write.error.cause.message).toContain("no sign of life for 500 ms");
    network.isAutomatic = true;
    network.last.accept();
    await clock.advance(100);
    expect(db.state).toBe("ready");
  });

  test("does not ask a server that is talking", async () => {
    const { db, network, clock } = await connectedClient(silence);
    network.isAutomatic = true;
    for (let round = 0; round < 20; round++) {
      await db.get("a");
      await clock.advance(400);
    }
    expect(pings(network)).toBe(0);
  });

  test("asks at once when a call was not answered in time", async () => {
    const { db, network, clock } = await connectedClient({ keepAliveTimeoutMs: 500 });
    watch(db.get("a", { timeoutMs: 100 }));
    watch(db.get("a", { timeoutMs: 100 }));
    await clock.advance(150);
    network.last.serve();
    expect(pings(network)).toBe(1);
    await clock.advance(500);
    expect(network.connections[0]!.isDestroyed).toBe(true);
  });

  test("is quicker than the server's idle deadline", async () => {
    const network = new MemoryNetwork();
    network.script.limits = { ...network.script.limits, idleDeadlineMs: 2_000 };
    const { clock } = await connectedClient({}, network);
    await clock.advance(1_100);
    network.last.serve();
    expect(pings(network)).toBe(1);
  });
});

describe("a server that stops", () => {
  test("is sent nothing more, answers what it has, and what waits goes to the next one", async () => {
    const { db, network, clock } = await connectedClient();
    const sent = watch(db.put("a", 1));
    await settle();
    network.last.deliver(frame((writer) => encodeError(writer, 0, status.SHUTTING_DOWN, "goodbye", 0)));
    const waiting = watch(db.put("b", 2));
    await settle();
    expect(network.last.writes.length).toBe(2);
    network.last.exchange();
    await settle();
    expect(sent.state).toBe("fulfilled");
    network.last.close();
    network.isAutomatic = true;
    await clock.advance(100);
    expect(waiting.state).toBe("fulfilled");
  });

  test("but does not close is left", async () => {
    const { db, network, clock } = await connectedClient({ keepAliveMs: 2_000 });
    network.last.deliver(frame((writer) => encodeError(writer, 0, status.SHUTTING_DOWN, "goodbye", 0)));
    const waiting = watch(db.put("a", 1));
    network.isAutomatic = true;
    await clock.advance(2_500);
    expect(network.connections[0]!.isDestroyed).toBe(true);
    expect(waiting.state).toBe("fulfilled");
  });

  test("has the reads that it refused asked of the next one, and its refused writes certainly not applied", async () => {
    const { db, network, clock } = await connectedClient();
    network.script.refusal = { status: status.SHUTTING_DOWN, outcome: 0 };
    const reads = Array.from({ length: 5 }, () => watch(db.get("a")));
    const write = watch(db.put("a", 1));
    await settle();
    network.last.exchange();
    await settle();
    expect(write.error).toMatchObject({ name: "ServerError", code: "SHUTTING_DOWN", outcome: "not-applied" });
    expect(reads.map((read) => read.state)).toEqual(reads.map(() => "pending"));
    network.script.refusal = undefined;
    network.last.close();
    network.isAutomatic = true;
    await clock.advance(100);
    expect(reads.map((read) => read.state)).toEqual(reads.map(() => "fulfilled"));
  });
});

describe("a server that makes no sense", () => {
  const nonsense: { name: string; bytes: (network: MemoryNetwork) => Buffer }[] = [
    { name: "bytes that are no frame", bytes: () => Buffer.from("GET / HTTP/1.1\r\n") },
    { name: "a frame that is no message", bytes: () => Buffer.from([0, 0, 0, 1, 0xc1]) },
    { name: "an answer to no request", bytes: () => frame((writer) => encodePong(writer, 999)) },
    {
      name: "the answer to another kind of request",
      bytes: (network) => {
        network.last.serve();
        const id = idOf(network.last.outbox[0]!);
        return frame((writer) => encodePong(writer, id));
      },
    },
    {
      name: "an answer twice",
      bytes: (network) => {
        network.last.serve();
        return Buffer.concat([network.last.outbox[0]!, network.last.outbox[0]!]);
      },
    },
    {
      name: "word that our message made no sense",
      bytes: () => frame((writer) => encodeError(writer, 0, status.MALFORMED, "what?", 0)),
    },
  ];
  for (const { name, bytes } of nonsense) {
    test(`${name}: is left, writes are unknown, reads are sent again`, async () => {
      const { db, network, clock } = await connectedClient();
      const pinged = watch(db.stats());
      const write = watch(db.put("a", 1));
      await settle();
      network.last.deliver(bytes(network));
      await settle();
      expect(network.last.isDestroyed).toBe(true);
      expect(write.error).toMatchObject({ code: "UNKNOWN_OUTCOME" });
      network.isAutomatic = true;
      await clock.advance(100);
      expect(pinged.state).toBe("fulfilled");
      expect(db.state).toBe("ready");
    });
  }
});

test("an answer to a call that was not sent yet is no answer", async () => {
  const network = new MemoryNetwork();
  network.script.limits = { ...network.script.limits, inFlightRequestsMax: 2 };
  const { db } = await connectedClient({}, network);
  watch(db.ping());
  const waiting = watch(db.ping());
  await settle();
  expect(idOf(network.last.writes[1]!)).toBe(1);
  network.last.deliver(frame((writer) => encodePong(writer, 2)));
  await settle();
  expect(network.last.isDestroyed).toBe(true);
  expect(waiting.state).toBe("pending");
});

function frame(encode: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter();
  encode(writer);
  return Buffer.from(writer.bytes.subarray(0, writer.length));
}

/** The correlation id of a frame whose id is short. */
function idOf(bytes: Buffer): number {
  return bytes[5]! < 0x80 ? bytes[5]! : bytes.readUInt32BE(6);
}
