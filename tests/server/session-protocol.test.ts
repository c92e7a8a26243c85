import { describe, expect, test } from "bun:test";
import { randomBelow } from "../../src/lib/random.ts";
import { chunkings } from "../protocol/chunking.ts";
import { seeded } from "../protocol/seed.ts";
import { entryOf, helloOf, pageOf, statsOf, TestServer, versionOf, type Peer } from "./harness.ts";

const key = Buffer.from("k");
const value = Buffer.from("v");

describe("hello", () => {
  test("is answered with what the peer must know of the server", () => {
    const host = new TestServer({ valueBytesMax: 1000 }, { syncMode: "none" });
    const peer = host.connect().hello(1, { clientName: "test 1.0" }).send();
    const info = helloOf(peer.take()[0]);
    expect(info).toMatchObject({ syncMode: "none", limits: { valueBytesMax: 1000, keyBytesMax: 65_535 } });
    expect(info.server).toStartWith("holdfast ");
    expect(Buffer.from(info.storeId)).toEqual(Buffer.from(host.store.storeId));
    expect(info.bootId).toHaveLength(16);
  });

  test("said twice is refused, and the connection goes on", () => {
    const peer = new TestServer().greeted();
    peer.hello(5).ping(6).send();
    expect(peer.errors()).toEqual(["5 INVALID_ARGUMENT", "6 OK"]);
  });

  const otherVersion = [0, 0, 0, 13, 0x94, 5, 0, 0xa8, ...Buffer.from("holdfast"), 2];
  const repeated: [string, (peer: Peer) => Peer, string[]][] = [
    ["of another version", (peer) => peer.raw(...otherVersion), ["5 VERSION_UNSUPPORTED", "6 OK"]],
    ["with credentials", (peer) => peer.hello(5, { credentials: key }), ["5 INVALID_ARGUMENT", "6 OK"]],
    [
      "with too long a name",
      (peer) => peer.hello(5, { clientName: "n".repeat(256) }),
      ["5 LIMIT_EXCEEDED", "6 OK"],
    ],
    ["of another protocol", (peer) => peer.raw(0, 0, 0, 6, 0x94, 5, 0, 0xa1, 0x78, 1), ["5 MALFORMED"]],
  ];
  test.each(repeated)("said again %s is answered as the specification says", (_name, say, errors) => {
    const peer = new TestServer().greeted();
    say(peer).ping(6).send();
    expect(peer.errors()).toEqual(errors);
  });

  const refused: [string, (peer: Peer) => Peer, string][] = [
    ["with credentials", (peer) => peer.hello(1, { credentials: Buffer.alloc(8) }), "1 UNSUPPORTED"],
    ["with a session", (peer) => peer.hello(1, { session: Buffer.alloc(16) }), "1 UNSUPPORTED"],
    ["left out", (peer) => peer.get(1, "a"), "1 HELLO_REQUIRED"],
    [
      "replaced by a request of an unknown opcode",
      (peer) => peer.raw(0, 0, 0, 3, 0x92, 9, 99),
      "9 HELLO_REQUIRED",
    ],
    ["replaced by a request beyond a limit", (peer) => peer.get(9, ""), "9 HELLO_REQUIRED"],
    ["replaced by what is no request", (peer) => peer.raw(0, 0, 0, 3, 0x92, 9, 0xc1), "9 MALFORMED"],
    [
      "with a session of another length",
      (peer) => peer.hello(1, { session: Buffer.alloc(15) }),
      "1 INVALID_ARGUMENT",
    ],
    [
      "with too long credentials",
      (peer) => peer.hello(1, { credentials: Buffer.alloc(1025) }),
      "1 LIMIT_EXCEEDED",
    ],
    ["with too long a name", (peer) => peer.hello(1, { clientName: "n".repeat(256) }), "1 LIMIT_EXCEEDED"],
    [
      "of another version",
      (peer) => peer.raw(0, 0, 0, 13, 0x94, 1, 0, 0xa8, ...Buffer.from("holdfast"), 2),
      "1 VERSION_UNSUPPORTED",
    ],
    ["of another protocol", (peer) => peer.raw(0, 0, 0, 6, 0x94, 1, 0, 0xa1, 0x78, 1), "1 MALFORMED"],
    ["beyond a stranger's frame", (peer) => peer.raw(0, 0, 0x10, 0x01), "0 MALFORMED"],
    ["by HTTP", (peer) => peer.raw(...Buffer.from("POST / HTTP/1.1\r\nHost: x\r\n\r\n")), "0 MALFORMED"],
    ["by TLS", (peer) => peer.raw(0x16, 0x03, 0x01, 0x02, 0x00, 0x01), "0 MALFORMED"],
  ];
  test.each(refused)("%s ends the connection with the reason", (_name, say, error) => {
    const host = new TestServer();
    const peer = say(host.connect());
    peer.ping(7).send();
    expect(peer.errors()).toEqual([error]);
    expect(peer.wire.events).toEqual(["shutdown"]);
    peer.put(8, "a", "1").send();
    expect(host.store.calls).toEqual([]);
    peer.end();
    expect(peer.wire.events).toEqual(["shutdown", "end"]);
  });
});

describe("a request", () => {
  test("of every kind is carried out and answered", () => {
    const host = new TestServer({}, { isInstant: true });
    const peer = host.greeted();
    peer.put(2, "a", "1").put(3, "b", "2", { ifVersion: 0 }).delete(4, "a").get(5, "b").getMany(6, ["b"]);
    peer.batch(7, { type: "put", key, value }, { type: "delete", key: Buffer.from("b"), ifVersion: 2 });
    peer.scan(8, { prefix: key }).ping(9).stats(10).send();
    const answers = peer.take();
    expect(answers.map(({ id, status }) => [id, status])).toEqual(
      [2, 3, 4, 5, 6, 7, 8, 9, 10].map((id) => [id, 0]),
    );
    expect(answers.slice(0, 3).map(versionOf)).toEqual([1, 2, 3]);
    expect(entryOf(answers[3])).toEqual({ version: 2, value: "2" });
    expect(pageOf(answers[4], "getMany")).toEqual({ entries: [{ version: 2, value: "2" }], more: false });
    expect(versionOf(answers[5])).toBe(6);
    expect(pageOf(answers[6], "scan").entries).toEqual([{ key: "k", version: 6, value: "v" }]);
    expect(statsOf(answers[8])).toMatchObject({
      syncMode: "always",
      connections: 1,
      inFlight: 0,
      requests: { hello: 1, put: 2, delete: 1, get: 1, getMany: 1, batch: 1, scan: 1, ping: 1, stats: 1 },
      errors: {},
      store: { currentSeq: 6 },
    });
  });

  test("for more than a page is answered with one, and told so", () => {
    const host = new TestServer({}, { isInstant: true, pageEntriesMax: 2 });
    const peer = host.greeted();
    peer.put(2, "a", "").put(3, "b", "").put(4, "c", "").send();
    peer.take();
    peer
      .scan(5)
      .scan(6, { limit: 1 })
      .scan(7, { after: Buffer.from("b") })
      .send();
    peer.scan(8, { reverse: true }).getMany(9, ["a", "b", "c"]).send();
    const [all, one, rest, back, many] = peer.take();
    const keysOf = (response: typeof all) => pageOf(response, "scan").entries.map((entry) => entry.key);
    expect([keysOf(all), keysOf(one), keysOf(rest), keysOf(back)]).toEqual([
      ["a", "b"],
      ["a"],
      ["c"],
      ["c", "b"],
    ]);
    expect([all, one, rest, back].map((response) => pageOf(response, "scan").more)).toEqual([
      true,
      false,
      false,
      true,
    ]);
    expect(pageOf(many, "getMany")).toMatchObject({ more: true, entries: [{ version: 1 }, { version: 2 }] });
  });

  const refused: [string, (peer: Peer) => Peer, string][] = [
    ["of an unknown opcode", (peer) => peer.raw(0, 0, 0, 3, 0x92, 9, 99), "UNKNOWN_OPCODE"],
    ["with an empty key", (peer) => peer.get(9, ""), "INVALID_ARGUMENT"],
    ["with too long a key", (peer) => peer.get(9, "k".repeat(101)), "LIMIT_EXCEEDED"],
    ["with too long a value", (peer) => peer.put(9, "a", "v".repeat(201)), "LIMIT_EXCEEDED"],
    ["for too many keys", (peer) => peer.getMany(9, ["a", "b", "c", "d"]), "LIMIT_EXCEEDED"],
    [
      "with too many operations",
      (peer) => peer.batch(9, ...[0, 1, 2, 3].map(() => ({ type: "delete", key }) as const)),
      "LIMIT_EXCEEDED",
    ],
    ["that should expire", (peer) => peer.put(9, "a", "1", { expiresAtMs: 1 }), "UNSUPPORTED"],
    ["with a request number", (peer) => peer.put(9, "a", "1", { requestNumber: 1 }), "UNSUPPORTED"],
    [
      "of a batch that should expire",
      (peer) =>
        peer.batch(9, { type: "put", key, value, expiresAtMs: 5 }, { type: "put", key: value, value }),
      "UNSUPPORTED",
    ],
    ["whose condition does not hold", (peer) => peer.put(9, "a", "1", { ifVersion: 3 }), "CONFLICT"],
  ];
  test.each(refused)("%s is refused, does nothing, and the connection goes on", (_name, ask, code) => {
    const limits = { keyBytesMax: 100, valueBytesMax: 200, getManyKeysMax: 3, batchOperationsMax: 3 };
    const host = new TestServer(limits, { isInstant: true });
    const peer = host.greeted();
    ask(peer).put(10, "b", "1").send();
    const [refusal, written] = peer.take();
    expect(refusal).toMatchObject({ id: 9, error: { code, outcome: "not-applied" } });
    expect(versionOf(written)).toBe(1);
    expect(peer.wire.events).toEqual([]);
  });

  test("that a limit refuses is told the limit and what met it", () => {
    const peer = new TestServer({ valueBytesMax: 5 }).greeted();
    peer.put(2, "a", "123456").send();
    expect(peer.take()[0]!.error!.details).toEqual([5, 6]);
  });

  test("that conflicts is told the actual version and which operation it was", () => {
    const peer = new TestServer({}, { isInstant: true }).greeted();
    peer.put(2, "k", "1").send();
    peer.batch(3, { type: "delete", key: value }, { type: "put", key, value, ifVersion: 0 }).send();
    const [, conflict] = peer.take();
    expect(conflict!.error).toMatchObject({ code: "CONFLICT", details: [1, 1] });
  });
});

describe("a malformed frame", () => {
  const malformed: [string, number[], string][] = [
    ["that is no array", [0, 0, 0, 1, 0xc0], "0 MALFORMED"],
    ["of no bytes", [0, 0, 0, 0], "0 MALFORMED"],
    ["with id 0", [0, 0, 0, 3, 0x92, 0, 1], "0 MALFORMED"],
    ["with something behind its message", [0, 0, 0, 4, 0x92, 5, 1, 0], "5 MALFORMED"],
    ["with a float for a key", [0, 0, 0, 4, 0x93, 5, 2, 0xca], "5 MALFORMED"],
    ["that announces more than the limit", [0xff, 0xff, 0xff, 0xff], "0 MALFORMED"],
    [
      "that announces an endless array",
      [0, 0, 0, 8, 0x93, 5, 3, 0xdd, 0xff, 0xff, 0xff, 0xff],
      "5 MALFORMED",
    ],
  ];
  test.each(malformed)("%s is answered, and ends the connection", (_name, bytes, error) => {
    const host = new TestServer();
    const peer = host.greeted();
    peer.put(2, "a", "1").raw(...bytes);
    peer.put(3, "a", "2").send();
    expect(peer.errors()).toEqual([error]);
    expect(host.store.calls).toEqual(["put a"]);
    // What was begun is answered first; only then we say goodbye.
    expect(peer.wire.events).toEqual([]);
    host.store.advance();
    expect(peer.errors()).toEqual(["2 OK"]);
    expect(peer.wire.events).toEqual(["shutdown"]);
  });

  test("of one peer is nothing to another, and is logged once a second at most", () => {
    const host = new TestServer();
    const other = host.greeted();
    for (let count = 0; count < 50; count++) host.greeted().raw(0, 0, 0, 0).send();
    expect(host.logged).toEqual([]);
    host.clock.advance(1_000);
    expect(host.logged).toMatchObject([{ level: "warn", fields: { count: 50 } }]);
    other.ping(2).send();
    expect(other.ids()).toEqual([2]);
    expect(host.server.stats()).toMatchObject({ connectionsEvicted: 50, errors: { MALFORMED: 50 } });
  });
});

test(
  "chunks may end anywhere: whole, byte by byte, or cut at random, the answers are the same",
  seeded((random) => {
    const encode = (peer: Peer) => {
      peer.hello(1).put(2, "a", "x".repeat(700)).get(3, "a").batch(4, { type: "put", key, value });
      return peer
        .scan(5)
        .getMany(6, ["a", "k"])
        .delete(7, "a")
        .get(8, "absent")
        .raw(0, 0, 0, 3, 0x92, 9, 99)
        .bytes();
    };
    const answers = chunkings(encode(new TestServer().connect()), random).map((chunks) => {
      const host = new TestServer({}, { isInstant: true });
      const peer = host.connect();
      for (const chunk of chunks) peer.sendBytes(chunk);
      return peer.take().map(({ id, frame }) => (id === 1 ? "hello" : frame.toString("hex")));
    });
    expect(answers[0]).toHaveLength(9);
    expect(answers[1]).toEqual(answers[0]!);
    expect(answers[2]).toEqual(answers[0]!);
  }),
);

test(
  "no garbage stops the server, keeps its memory, or reaches the store as something it was not",
  seeded((random) => {
    const host = new TestServer({}, { isInstant: true });
    for (let round = 0; round < 3_000; round++) {
      const peer = randomBelow(random, 4) === 0 ? host.connect() : host.greeted();
      peer.put(2, "a", "1").get(3, "a").scan(4).batch(5, { type: "put", key, value });
      const bytes = peer.bytes();
      for (let flips = randomBelow(random, 8); flips >= 0; flips--) {
        bytes[randomBelow(random, bytes.length)] = random.uint32();
      }
      peer.sendBytes(bytes.subarray(0, randomBelow(random, bytes.length + 1)));
      peer.take();
      peer.end();
      if (!peer.wire.isClosed) peer.wire.terminate();
    }
    expect(host.server.stats()).toMatchObject({ connections: 0, outputBytes: 0, inFlight: 0 });
    expect(host.logged.filter(({ level }) => level === "error")).toEqual([]);
    host.greeted().ping(2).send();
  }),
);
