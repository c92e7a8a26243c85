import { describe, expect, test } from "bun:test";
import { randomBelow, type Random } from "../../src/lib/random.ts";
import { seeded } from "../protocol/seed.ts";
import { entryOf, TestServer, type Peer } from "./harness.ts";

const KiB = 1024;

/** The store wants no more writes until it advances; reads are as welcome as ever. */
describe("while the store is congested", () => {
  test("whoever only reads is answered at once, and is read from on", () => {
    const { host, store } = congested();
    const reader = host.greeted();
    reader
      .get(2, "b")
      .getMany(3, ["b", "c"])
      .scan(4, { prefix: Buffer.from("z") })
      .ping(5)
      .stats(6);
    reader.openSnapshot(7).closeSnapshot(8, 1).checkpoint(9).compact(10).send();
    // The answers that depend on the write that is not durable yet wait for that alone.
    expect(reader.ids()).toEqual([2, 3, 4, 5, 6, 8]);
    expect(reader.wire.events).toEqual([]);
    store.advance();
    expect(reader.ids()).toEqual([7, 9, 10]);
  });

  test("a write waits, and with it what stands behind it; what stands before it is answered", () => {
    const { host, store } = congested();
    const peer = host.greeted();
    peer.get(2, "b").put(3, "b", "2").get(4, "b").ping(5).send();
    expect(peer.ids()).toEqual([2]);
    expect(peer.wire.events).toEqual(["pause"]);
    // A chunk that was read before the pause took hold.
    peer.delete(6, "b").get(7, "b").send();
    expect(store.calls).toEqual(["get b"]);
    expect(host.clock.poll()).toBe(0);

    // The put is as much as the store takes, and the delete waits for the next advance.
    store.advance();
    expect(store.calls).toEqual(["get b", "put b", "get b"]);
    expect(peer.wire.events).toEqual(["pause"]);
    expect(peer.ids()).toEqual([5]);
    store.advance();
    expect(store.calls).toEqual(["get b", "put b", "get b", "delete b", "get b"]);
    expect(peer.wire.events).toEqual(["pause", "resume"]);
    store.advance();
    const answers = new Map(peer.take().map((response) => [response.id, response]));
    expect([...answers.keys()]).toEqual([3, 4, 6, 7]);
    expect(entryOf(answers.get(4)).value).toBe("2");
    expect(entryOf(answers.get(7)).value).toBeUndefined();
  });

  const writes: [string, (peer: Peer) => Peer][] = [
    ["a put", (peer) => peer.put(2, "b", "2")],
    ["a delete", (peer) => peer.delete(2, "b")],
    ["a batch", (peer) => peer.batch(2, { type: "put", key: Buffer.from("b"), value: Buffer.from("2") })],
  ];
  test.each(writes)("%s is held back, and nothing spins until the store advances", (_name, write) => {
    const { host, store } = congested();
    const peer = host.greeted();
    write(peer).send();
    expect([store.calls, host.clock.poll(), store.waiterCount]).toEqual([[], 0, 2]);
    // An advance that is not enough changes nothing, but for the next one that is awaited.
    for (let round = 0; round < 3; round++) {
      store.advance(store.ackableSeq);
      expect([store.calls, host.clock.poll(), store.waiterCount]).toEqual([[], 0, 2]);
    }
    expect(peer.wire.events).toEqual(["pause"]);
    store.advance();
    expect(store.calls).toHaveLength(1);
    expect(peer.wire.events).toEqual(["pause", "resume"]);
  });

  test("a frame that is a write is not read to its end", () => {
    const { host, store } = congested({ frameGraceMs: 1_000, frameDeadlineMs: 2_000 });
    const peer = host.greeted();
    const bytes = peer.put(2, "b", "x".repeat(100 * KiB)).bytes();
    peer.sendBytes(bytes.subarray(0, 30));
    expect(peer.wire.isPaused).toBe(true);
    // It is us who don't read, so no deadline is missed.
    host.clock.advance(60_000);
    expect(peer.wire.isClosed).toBe(false);
    store.advance();
    expect(peer.wire.isPaused).toBe(false);
    peer.sendBytes(bytes.subarray(30));
    expect(store.calls).toEqual(["put b"]);
    store.advance();
    expect(peer.ids()).toEqual([2]);
  });

  test("a frame that is a read is read to its end, however it is cut", () => {
    const { host } = congested();
    const peer = host.greeted();
    for (const byte of peer.get(2, "b").bytes()) peer.sendBytes(Buffer.from([byte]));
    expect(peer.ids()).toEqual([2]);
    expect(peer.wire.events).toEqual([]);
  });

  test("what is held back counts as input, and no longer when it was taken or its peer has gone", () => {
    const { host, store } = congested();
    const [one, other] = [host.greeted(), host.greeted()];
    for (const peer of [one, other]) {
      peer.put(2, "b", "x".repeat(10 * KiB)).send();
      expect(peer.session!.incoming.bytesCounted).toBeGreaterThan(10 * KiB);
    }
    expect(host.server.statistics.inputBytes).toBe(
      one.session!.incoming.bytesCounted + other.session!.incoming.bytesCounted,
    );
    other.wire.terminate();
    store.advance();
    expect(store.calls).toEqual(["put b"]);
    expect(host.server.statistics.inputBytes).toBe(0);
  });

  test("a peer that ends its side gets its held writes carried out, and then our end", () => {
    const { host, store } = congested();
    const peer = host.greeted();
    peer.put(2, "b", "2").get(3, "c").send().end();
    expect(peer.wire.events).toEqual(["pause"]);
    store.advance();
    store.advance();
    expect(peer.ids()).toEqual([3, 2]);
    expect(peer.wire.events.at(-1)).toBe("end");
  });

  test("a shutdown refuses what was held back, by name", async () => {
    const { host, store } = congested();
    const peer = host.greeted();
    peer.put(2, "b", "2").get(3, "c").send();
    const closing = host.server.close();
    expect(peer.errors()).toEqual(["0 SHUTTING_DOWN", "2 SHUTTING_DOWN", "3 SHUTTING_DOWN"]);
    expect(store.calls).toEqual([]);
    store.advance();
    await host.passTime(50);
    for (const each of [peer, host.first]) each.end();
    await closing;
  });

  test("strangers and nonsense are told off as ever", () => {
    const { host } = congested();
    const [stranger, babbler] = [host.connect(), host.greeted()];
    stranger.put(2, "b", "2").send();
    babbler.raw(0, 0, 0, 1, 0xc1).send();
    expect(stranger.errors()).toEqual(["2 HELLO_REQUIRED"]);
    expect(babbler.errors()).toEqual(["0 MALFORMED"]);
  });

  test("a peer that is stalled for its answers as well goes on when both have passed", () => {
    const { host, store } = congested({ inFlightRequestsMax: 2 });
    store.isSlow = true;
    const peer = host.greeted();
    peer.get(2, "b").get(3, "b").put(4, "b", "2").get(5, "b").send();
    expect(store.calls).toEqual(["get b", "get b"]);
    store.answerAll();
    expect(host.clock.poll()).toBe(1);
    expect(peer.ids()).toEqual([2, 3]);
    expect(store.calls).toHaveLength(2);
    store.advance();
    expect(store.calls).toEqual(["get b", "get b", "put b", "get b"]);
  });
});

test(
  "whoever asks what, and however often the store is congested, nobody writes then, and everything is answered in order",
  seeded((random) => {
    for (let round = 0; round < 100; round++) playRandomly(random);
  }),
);

function playRandomly(random: Random): void {
  const host = new TestServer({ inFlightRequestsMax: 2 + randomBelow(random, 20) });
  const { store } = host;
  const peers = [host.greeted(), host.greeted(), host.greeted()];
  const unanswered = peers.map(() => new Set<number>());
  /** Keys name their peer and their place, so that the order of the calls can be told. */
  let id = 1;
  store.pendingSeqsMax = 1 + randomBelow(random, 8);
  const collect = () => {
    for (const [index, peer] of peers.entries()) {
      for (const response of peer.take()) expect(unanswered[index]!.delete(response.id)).toBe(true);
    }
  };
  for (let step = 0; step < 60; step++) {
    const index = randomBelow(random, peers.length);
    const peer = peers[index]!;
    for (let count = randomBelow(random, 8); count > 0; count--) {
      unanswered[index]!.add(++id);
      if (randomBelow(random, 2) === 0) peer.put(id, `${index}/${id}`, "1");
      else peer.get(id, `${index}/${id}`);
    }
    const bytes = peer.bytes();
    const cut = randomBelow(random, bytes.length + 1);
    peer.sendBytes(bytes.subarray(0, cut));
    if (randomBelow(random, 2) === 0) {
      store.advance(store.ackableSeq + randomBelow(random, store.currentSeq - store.ackableSeq + 1));
    }
    peer.sendBytes(bytes.subarray(cut));
    expect(host.clock.poll()).toBeLessThan(20);
    collect();
  }
  for (let turn = 0; turn < 500 && unanswered.some(({ size }) => size > 0); turn++) {
    store.advance();
    host.clock.poll();
    collect();
  }
  expect(unanswered.map(({ size }) => size)).toEqual([0, 0, 0]);
  expect(peers.map(({ wire }) => wire.isPaused)).toEqual([false, false, false]);
  for (const [index] of peers.entries()) {
    const places = store.calls
      .map((call) => /(\d+)\/(\d+)$/.exec(call)!)
      .filter(([, peer]) => Number(peer) === index)
      .map(([, , place]) => Number(place));
    expect(places).toEqual(places.toSorted((one, other) => one - other));
  }
  expect(store.writesWhileCongested).toBe(0);
}

/** A server whose store has had enough: one write waits for the disk. */
function congested(limits: ConstructorParameters<typeof TestServer>[0] = {}) {
  const host = Object.assign(new TestServer(limits), { first: undefined as unknown as Peer });
  const { store } = host;
  host.first = host.greeted();
  store.pendingSeqsMax = 1;
  host.first.put(2, "a", "1").send();
  store.calls.length = 0;
  expect(store.congested).toBe(true);
  return { host, store };
}
