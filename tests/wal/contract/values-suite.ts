import { describe, expect, test } from "bun:test";
import { keyBytesMax, valueBytesMax } from "../../../src/lib/limits.ts";
import { randomBytes, seededRandom } from "../../../src/lib/random.ts";
import type { Operation } from "../../../src/wal/write-ahead-log.ts";
import { collect, iterated, put, rejectionOf } from "../log-fixture.ts";
import type { UseDisk } from "./disk.ts";

export function valuesSuite(disk: UseDisk): void {
  describe("holds keys and values", () => {
    test.each([
      ["of zero bytes", 1, 0],
      ["of one byte", 1, 1],
      ["of 100 KB", 10, 100_000],
      ["with the longest key", keyBytesMax, 10],
      ["of 16 MiB, the largest", keyBytesMax, valueBytesMax],
    ])("%s, that come back as they went in, before and after a restart", async (_, keyBytes, valueBytes) => {
      const random = seededRandom(keyBytes + valueBytes);
      const key = randomBytes(random, keyBytes);
      const value = randomBytes(random, valueBytes);
      const log = await disk().open();
      await log.append({ type: "put", key, value });
      await log.appendBatch([{ type: "delete", key }]);
      await log.close();
      const [record, deletion] = await collect((await disk().open()).replay());
      expect(record!.type).toBe("put");
      expect(Buffer.compare(record!.key!, key)).toBe(0);
      expect(Buffer.compare(record!.value!, value)).toBe(0);
      expect(deletion!.type).toBe("delete");
      expect(Buffer.compare(deletion!.key!, key)).toBe(0);
      expect(deletion!.value).toBeUndefined();
    });

    test("given as strings, which are kept as UTF-8", async () => {
      const log = await disk().open();
      await log.append({ type: "put", key: "schlüssel", value: "値" });
      const [record] = await collect(log.replay());
      expect(Buffer.from(record!.key!).toString()).toBe("schlüssel");
      expect(Buffer.from(record!.value!).toString("hex")).toBe("e580a4");
    });

    test("given as views, of which only the view is kept, and which are the caller's again after the call", async () => {
      const log = await disk().open();
      const memory = new Uint8Array(100).fill(7);
      const pending = log.append({
        type: "put",
        key: memory.subarray(10, 12),
        value: memory.subarray(50, 53),
      });
      memory.fill(9);
      await pending;
      const [record] = await collect(log.replay());
      expect(record).toEqual({
        seq: 1,
        type: "put",
        key: new Uint8Array([7, 7]),
        value: new Uint8Array([7, 7, 7]),
      });
    });

    test("that belong to the reader: changing them changes nothing in the log", async () => {
      const log = await disk().open();
      await log.append(put("key", "value"));
      const [record] = await collect(log.replay());
      record!.key!.fill(0);
      record!.value!.fill(0);
      expect(await iterated(log)).toEqual(["1 put key=value"]);
      expect(record!.value!.buffer.byteLength).toBe(5);
    });

    test("with an expiry, a session, or both, in batches too", async () => {
      const id = randomBytes(seededRandom(3), 16);
      const operations: Operation[] = [
        { type: "put", key: "a", value: "1", expiresAtMs: 1_900_000_000_000 },
        { type: "put", key: "b", value: "", session: { id, requestNumber: 0 } },
        { type: "delete", key: "c", session: { id, requestNumber: Number.MAX_SAFE_INTEGER } },
        { type: "put", key: "d", value: "4", expiresAtMs: 1, session: { id, requestNumber: 77 } },
      ];
      const log = await disk().open();
      for (const operation of operations) await log.append(operation);
      await log.appendBatch(operations);
      await log.close();
      const records = await collect((await disk().open()).replay());
      const extras = records.map(({ expiresAtMs, session }) => ({ expiresAtMs, session }));
      const expected = operations.map(({ expiresAtMs, session }) => ({ expiresAtMs, session }));
      expect(extras).toEqual([...expected, ...expected]);
    });

    test.each<[string, unknown, string, string]>([
      ["an empty key", put("", "v"), "INVALID_ARGUMENT", "the key is empty"],
      [
        "a key beyond its limit",
        put("k".repeat(keyBytesMax + 1)),
        "LIMIT_EXCEEDED",
        "65536 is beyond the limit of 65535",
      ],
      ["a key that is UTF-8 beyond its limit", put("é".repeat(32_768)), "LIMIT_EXCEEDED", "65536"],
      ["a value beyond its limit", put("k", valueBytesMax + 1), "LIMIT_EXCEEDED", "16777217"],
      ["an unknown type", { type: "commit", key: "k" }, "INVALID_ARGUMENT", '"commit"'],
      ["no operation at all", undefined, "INVALID_ARGUMENT", '"undefined"'],
      ["a number for a key", { type: "put", key: 5, value: "v" }, "INVALID_ARGUMENT", "the key must be"],
      ["a put without a value", { type: "put", key: "k" }, "INVALID_ARGUMENT", "the value must be"],
      [
        "words for a value",
        { type: "put", key: "k", value: new Uint16Array(2) },
        "INVALID_ARGUMENT",
        "the value",
      ],
      ["an expiry of 0", { ...put("k"), expiresAtMs: 0 }, "INVALID_ARGUMENT", "expiresAtMs"],
      ["a broken expiry", { ...put("k"), expiresAtMs: 1.5 }, "INVALID_ARGUMENT", "expiresAtMs"],
      [
        "a short session id",
        { ...put("k"), session: { id: new Uint8Array(15), requestNumber: 1 } },
        "INVALID_ARGUMENT",
        "16 bytes",
      ],
      [
        "a negative request number",
        { ...put("k"), session: { id: new Uint8Array(16), requestNumber: -1 } },
        "INVALID_ARGUMENT",
        "request number",
      ],
    ])("but refuses %s clearly, and logs nothing", async (_, operation, code, message) => {
      const log = await disk().open();
      const writes = disk().fileSystem.count({ kind: "write" });
      const error = await rejectionOf(log.append(operation as Operation));
      expect(error).toMatchObject({ code, outcome: "not-applied" });
      expect(error.message).toContain(message);
      expect(await rejectionOf(log.appendBatch([put("good", "1"), operation as Operation]))).toMatchObject({
        code,
      });
      await log.sync();
      expect(log.currentSeq).toBe(0);
      expect(disk().fileSystem.count({ kind: "write" })).toBe(writes);
    });
  });
}
