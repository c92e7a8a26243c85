import { describe, expect, test } from "bun:test";
import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { randomBelow, seededRandom, type Random } from "../../src/lib/random.ts";
import { newestState, snapshotWanted } from "../../src/protocol/opcodes.ts";
import {
  encodeBatch,
  encodeCheckpoint,
  encodeCompact,
  encodeDelete,
  encodeGet,
  encodeGetMany,
  encodeOpenSnapshot,
  encodePut,
  encodeScan,
} from "../../src/protocol/request-encoder.ts";
import { serve, type ServeOptions } from "../../src/server/serve.ts";
import { seed } from "../protocol/seed.ts";
import { randomChunkLength } from "../protocol/chunking.ts";
import { entryOf, expectDone, pageOf, seqOf, snapshotOf, versionOf, type TestResponse } from "./harness.ts";
import { SocketPeer } from "./socket-peer.ts";

type Check = (response: TestResponse) => void;

/** What a server must do over a socket, whatever store it serves. `open` gives an empty one each time. */
export function describeBehaviour(name: string, open: () => ServeOptions): void {
  describe(name, () => {
    test("one peer's pipelined requests are answered as if they were carried out one by one", async () => {
      await using server = await serve({ listen: "127.0.0.1:0", ...open() });
      const peer = await SocketPeer.greeted(server.port);
      try {
        await playAgainstModel(peer, seededRandom(seed), 3_000);
      } catch (error) {
        console.error(`Repeat this run with SEED=${seed}`);
        throw error;
      }
      peer.end();
    });

    test("what one peer was told, every other peer sees", async () => {
      await using server = await serve({ listen: "127.0.0.1:0", ...open() });
      const writer = await SocketPeer.greeted(server.port);
      const reader = await SocketPeer.greeted(server.port);
      for (let round = 1; round <= 100; round++) {
        writer.send((requests) => encodePut(requests, round, bytesOf("a"), bytesOf(`${round}`)));
        const version = versionOf((await writer.received(round)).at(-1));
        reader.send((requests) => encodeGet(requests, round, bytesOf("a")));
        expect(entryOf((await reader.received(round)).at(-1))).toEqual({ version, value: `${round}` });
      }
      writer.end();
      reader.end();
    });

    test("of peers that race with conditions, one wins each round", async () => {
      await using server = await serve({ listen: "127.0.0.1:0", ...open() });
      const peers = await Promise.all(Array.from({ length: 8 }, () => SocketPeer.greeted(server.port)));
      let version = 0;
      for (let round = 1; round <= 50; round++) {
        for (const peer of peers) {
          peer.send((requests) =>
            encodePut(requests, round, bytesOf("a"), bytesOf("x"), { ifVersion: version }),
          );
        }
        const answers = await Promise.all(peers.map(async (peer) => (await peer.received(round)).at(-1)!));
        const winners = answers.filter(({ error }) => error === undefined);
        expect(winners).toHaveLength(1);
        version = versionOf(winners[0]);
        for (const { error } of answers) if (error) expect(error.details).toEqual([version, 0]);
      }
      for (const peer of peers) peer.end();
    });

    test("a snapshot shows every peer what was there when it was opened", async () => {
      await using server = await serve({ listen: "127.0.0.1:0", ...open() });
      const [writer, reader] = [await SocketPeer.greeted(server.port), await SocketPeer.greeted(server.port)];
      const keys = Array.from({ length: 50 }, (_, index) => `k${100 + index}`);
      const writeAll = async (value: string) => {
        for (const key of keys) {
          await ask(writer, (requests) => encodePut(requests, 2, bytesOf(key), bytesOf(value)));
        }
      };
      await writeAll("before");
      await ask(writer, (requests) => encodeDelete(requests, 2, bytesOf(keys[7]!)));
      const opened = await ask(writer, (requests) => encodeOpenSnapshot(requests, 2, 60_000));
      const { snapshotId } = snapshotOf(opened);
      await writeAll("after");
      await ask(writer, (requests) => encodePut(requests, 2, bytesOf("k999"), bytesOf("after")));

      const expected = keys.map((_, index) => (index === 7 ? undefined : "before"));
      for (const [index, key] of keys.entries()) {
        const entry = await ask(reader, (requests) => encodeGet(requests, 2, bytesOf(key), snapshotId));
        expect(entryOf(entry).value).toBe(expected[index]);
      }
      const many = await ask(reader, (requests) => encodeGetMany(requests, 2, keys.map(bytesOf), snapshotId));
      expect(pageOf(many, "getMany").entries.map(({ value }) => value || undefined)).toEqual(expected);
      for (const reverse of [false, true]) {
        const all = await ask(reader, (requests) => encodeScan(requests, 2, { reverse, snapshotId }));
        const { entries } = pageOf(all, "scan");
        const found = new Map(entries.map(({ key, value }) => [key!, value]));
        expect([entries.length, ...keys.map((key) => found.get(key))]).toEqual([49, ...expected]);
      }
      for (const peer of [writer, reader]) peer.end();
    });

    test("a scan that wants a snapshot is of one moment, over all its pages, and closes it", async () => {
      await using server = await serve({ listen: "127.0.0.1:0", ...open() });
      const peer = await SocketPeer.greeted(server.port);
      const keys = Array.from({ length: 150 }, (_, index) => `k${100 + index}`);
      const writeAll = async (content: string) => {
        const value = bytesOf(content.repeat(4096));
        for (const key of keys) {
          await ask(peer, (requests) => encodePut(requests, 2, bytesOf(key), value));
        }
      };
      await writeAll("a");
      const found: string[] = [];
      let snapshotId: number = snapshotWanted;
      let after: Buffer | undefined;
      for (let pages = 1; ; pages++) {
        const answer = await ask(peer, (requests) => encodeScan(requests, 2, { after, snapshotId }));
        const page = pageOf(answer, "scan");
        found.push(...page.entries.map(({ key, value }) => `${key}${value[0]}`));
        if (!page.more) {
          expect(pages).toBeGreaterThan(1);
          break;
        }
        if (pages === 1) snapshotId = page.snapshotId ?? newestState;
        after = bytesOf(page.entries.at(-1)!.key!);
        await writeAll("b");
      }
      expect(found).toEqual(keys.map((key) => `${key}a`));
      const late = await ask(peer, (requests) => encodeGet(requests, 2, bytesOf("k100"), snapshotId));
      expect(late.error?.code).toBe("SNAPSHOT_EXPIRED");
      peer.end();
    });

    test("a checkpoint and a compaction are answered, and everything is as it was", async () => {
      await using server = await serve({ listen: "127.0.0.1:0", ...open() });
      const peer = await SocketPeer.greeted(server.port);
      expect(seqOf(await ask(peer, (requests) => encodeCheckpoint(requests, 2)))).toBe(0);
      const put = await ask(peer, (requests) => encodePut(requests, 2, bytesOf("a"), bytesOf("1")));
      const checkpoint = await ask(peer, (requests) => encodeCheckpoint(requests, 2));
      expect(seqOf(checkpoint)).toBeGreaterThanOrEqual(versionOf(put));
      expectDone(await ask(peer, (requests) => encodeCompact(requests, 2)));
      const entry = await ask(peer, (requests) => encodeGet(requests, 2, bytesOf("a")));
      expect(entryOf(entry)).toEqual({ version: versionOf(put), value: "1" });
      peer.end();
    });
  });
}

/** One request, and its answer. */
async function ask(peer: SocketPeer, encode: (writer: ByteWriter) => void): Promise<TestResponse> {
  const count = peer.responses.length + 1;
  peer.send(encode);
  const response = (await peer.received(count))[count - 1];
  if (response === undefined) throw new Error("The server has closed the connection");
  return response;
}

/** Sends random requests in random chunks, and compares each answer with that of a Map. */
async function playAgainstModel(peer: SocketPeer, random: Random, count: number): Promise<void> {
  const model = new Map<string, { version: number; value: string }>();
  const checks = new Map<number, Check>();
  const writer = new ByteWriter();
  let seq = 0;

  const write = (
    id: number,
    conditions: [string, number | undefined][],
    records: number,
    apply: () => void,
  ) => {
    const broken = conditions.findIndex(
      ([key, ifVersion]) => ifVersion !== undefined && ifVersion !== (model.get(key)?.version ?? 0),
    );
    if (broken >= 0) {
      const details = [model.get(conditions[broken]![0])?.version ?? 0, broken];
      checks.set(id, ({ error }) => expect(error).toMatchObject({ code: "CONFLICT", details }));
      return;
    }
    seq += records;
    const version = seq;
    apply();
    checks.set(id, (response) => expect(versionOf(response)).toBe(version));
  };
  const condition = (key: string) => {
    const version = model.get(key)?.version ?? 0;
    return [undefined, undefined, version, randomBelow(random, seq + 1)][randomBelow(random, 4)];
  };

  for (let id = 1; id <= count; id++) {
    const key = `k${randomBelow(random, 20)}`;
    const ifVersion = condition(key);
    const value = `${id}-${"x".repeat(randomBelow(random, 300))}`;
    switch (randomBelow(random, 6)) {
      case 0:
      case 1:
        encodePut(writer, id, bytesOf(key), bytesOf(value), { ifVersion });
        write(id, [[key, ifVersion]], 1, () => model.set(key, { version: seq, value }));
        break;
      case 2:
        encodeDelete(writer, id, bytesOf(key), { ifVersion });
        write(id, [[key, ifVersion]], 1, () => model.delete(key));
        break;
      case 3: {
        const expected = model.get(key) ?? { version: 0, value: undefined };
        encodeGet(writer, id, bytesOf(key));
        checks.set(id, (response) => expect(entryOf(response)).toEqual(expected));
        break;
      }
      case 4: {
        const other = `other${randomBelow(random, 20)}`;
        encodeBatch(writer, id, [
          { type: "put", key: bytesOf(key), value: bytesOf(value), ifVersion },
          { type: "delete", key: bytesOf(other) },
        ]);
        write(id, [[key, ifVersion]], 3, () => {
          model.set(key, { version: seq, value });
          model.delete(other);
        });
        break;
      }
      default: {
        const reverse = randomBelow(random, 2) === 0;
        const entries = [...model].map(([name, entry]) => ({ key: name, ...entry }));
        entries.sort((one, other) => (one.key < other.key === reverse ? 1 : -1));
        encodeScan(writer, id, { prefix: bytesOf("k"), reverse });
        checks.set(id, (response) => expect(pageOf(response, "scan")).toEqual({ entries, more: false }));
      }
    }
  }

  const bytes = writer.bytes.subarray(0, writer.length);
  for (let start = 0; start < bytes.length;) {
    const end = start + 8 * randomChunkLength(random);
    peer.sendBytes(bytes.subarray(start, end));
    start = end;
    if (randomBelow(random, 4) === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  for (const response of await peer.received(count)) checks.get(response.id)!(response);
  expect(new Set(peer.responses.map(({ id }) => id)).size).toBe(count);
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, "latin1");
}
