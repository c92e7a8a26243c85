import assert from "node:assert/strict";
import type * as Client from "../../client/client.ts";

/**
 * What any client does with any server, as a table: run with the source under Bun and with the build under Node,
 * against a scripted server and against the real one. So nothing here imports the client, the runner, or Bun, and every
 * behaviour keeps to keys of its own.
 */
export interface Behaviour {
  name: string;
  run(world: World): Promise<void>;
}

export interface World {
  client: typeof Client;
  /** A fresh connection, which is closed when the behaviour ends. */
  connect: <V = unknown>(options?: Client.ConnectOptions<V>) => Promise<Client.Database<V>>;
  /** A prefix that no other behaviour uses. */
  prefix: string;
}

/** Runs one behaviour, and closes what it opened. */
export async function runBehaviour(
  behaviour: Behaviour,
  client: typeof Client,
  url: string,
  prefix: string,
): Promise<void> {
  const opened: { close(): Promise<void> }[] = [];
  const connect: World["connect"] = async (options) => {
    const db = await client.connect(url, options);
    opened.push(db);
    return db;
  };
  try {
    await behaviour.run({ client, connect, prefix });
  } finally {
    for (const db of opened) await db.close();
  }
}

export const behaviours: readonly Behaviour[] = [
  {
    name: "get of a key that was never put is undefined",
    async run({ connect, prefix }) {
      const db = await connect();
      assert.equal(await db.get(`${prefix}nothing`), undefined);
      assert.equal(await db.getEntry(`${prefix}nothing`), undefined);
    },
  },
  {
    name: "a value that was put comes back as what it was",
    async run({ connect, prefix }) {
      const db = await connect();
      const values = [
        null,
        true,
        0,
        -1,
        1.5,
        2 ** 40,
        -(2 ** 53) + 1,
        5n,
        2n ** 63n,
        "",
        "text: äö😀",
        "\ufeffa text may begin with a byte order mark",
        "\ufffd",
        "ä".repeat(130),
        "long ".repeat(1_000),
        { "\ufeffname": "\ufeff", näme: "x", "a name of more than 31 bytes, which is long": 1 },
        { mixed: [new Date(1), 5n, "x", 2 ** 31, -(2 ** 31), 2 ** 32, -1e-7] },
        [],
        [1, [2, [3]]],
        {},
        { a: 1, nested: { list: ["x", null], empty: {} } },
        new Date(0),
        new Date(1_700_000_000_123),
        new Date(-62_135_596_800_000),
        Object.fromEntries(Array.from({ length: 70_000 }, (_, index) => [`k${index}`, index])),
      ];
      for (const value of values) {
        await db.put(`${prefix}key`, value);
        assert.deepEqual(await db.get(`${prefix}key`), value);
      }
      await db.put(`${prefix}key`, new Uint8Array([1, 2, 3]));
      assert.deepEqual(
        new Uint8Array((await db.get(`${prefix}key`)) as Uint8Array),
        new Uint8Array([1, 2, 3]),
      );
      await db.put(`${prefix}key`, { gone: undefined, list: [undefined] });
      assert.deepEqual(await db.get(`${prefix}key`), { list: [null] });
    },
  },
  {
    name: "versions grow with every write, deletes too, and getEntry tells them",
    async run({ connect, prefix }) {
      const db = await connect();
      const first = await db.put(`${prefix}a`, 1);
      const second = await db.put(`${prefix}a`, 2);
      const deletion = await db.delete(`${prefix}a`);
      const third = await db.put(`${prefix}a`, 3);
      assert.ok(first.version > 0 && first.version < second.version);
      assert.ok(second.version < deletion.version && deletion.version < third.version);
      assert.deepEqual(await db.getEntry(`${prefix}a`), { value: 3, version: third.version });
    },
  },
  {
    name: "a put with a condition that does not hold conflicts and changes nothing",
    async run({ client, connect, prefix }) {
      const db = await connect();
      const key = `${prefix}a`;
      const { version } = await db.put(key, 1, { ifAbsent: true });
      const isConflict = (error: unknown) =>
        error instanceof client.ConflictError &&
        error.code === "CONFLICT" &&
        error.outcome === "not-applied" &&
        error.actualVersion === version &&
        error.message.includes(key);
      await assert.rejects(db.put(key, 2, { ifAbsent: true }), isConflict);
      await assert.rejects(db.put(key, 2, { ifVersion: 0 }), isConflict);
      await assert.rejects(db.put(key, 2, { ifVersion: version + 1 }), isConflict);
      await assert.rejects(db.delete(key, { ifVersion: version + 1 }), isConflict);
      assert.equal(await db.get(key), 1);
      const second = await db.put(key, 2, { ifVersion: version });
      await db.delete(key, { ifVersion: second.version });
      assert.equal(await db.get(key), undefined);
      await assert.rejects(
        db.put(key, 3, { ifVersion: second.version }),
        (error) => error instanceof client.ConflictError && error.actualVersion === 0,
      );
    },
  },
  {
    name: "a condition that is undefined is refused, not dropped",
    async run({ client, connect, prefix }) {
      const db = await connect();
      const wrong = [
        { ifVersion: undefined },
        { ifVersion: 1, ifAbsent: true },
        { ifVersion: -1 },
        { ifVersion: 1.5 },
      ];
      for (const condition of wrong as Client.PutOptions[]) {
        await assert.rejects(db.put(`${prefix}a`, 1, condition), client.InvalidArgumentError);
        assert.throws(() => db.batch().put(`${prefix}a`, 1, condition), client.InvalidArgumentError);
      }
      assert.equal(await db.get(`${prefix}a`), undefined);
    },
  },
  {
    name: "undefined is refused as a value, and says why",
    async run({ client, connect, prefix }) {
      const db = await connect();
      const isTelling = (error: unknown) =>
        error instanceof client.InvalidArgumentError && /undefined.*"no such key"/.test(error.message);
      await assert.rejects(db.put(`${prefix}a`, undefined), isTelling);
      assert.throws(() => db.batch().put(`${prefix}a`, undefined), isTelling);
    },
  },
  {
    name: "values that would come back as something else are refused, and name what they are",
    async run({ client, connect, prefix }) {
      const db = await connect();
      const cyclic: unknown[] = [];
      cyclic.push(cyclic);
      const refused: [string, unknown][] = [
        ["Map", new Map()],
        ["Set", { inside: [new Set()] }],
        ["Error", new Error("x")],
        ["RegExp", /x/],
        ["Promise", Promise.resolve(1)],
        ["Float64Array", new Float64Array(1)],
        ["ArrayBuffer", new ArrayBuffer(1)],
        ["function", () => {}],
        ["symbol", { a: Symbol("a") }],
        ["bigint", 2n ** 64n],
        ["Date", new Date(Number.NaN)],
        ["holds itself", cyclic],
        ["__proto__", JSON.parse('{ "__proto__": 1 }')],
      ];
      for (const [name, value] of refused) {
        await assert.rejects(
          db.put(`${prefix}a`, value),
          (error) => error instanceof client.CodecError && error.message.includes(name),
          name,
        );
      }
      assert.equal(await db.get(`${prefix}a`), undefined);
    },
  },
  {
    name: "calls that were not awaited happen in the order in which they were made",
    async run({ connect, prefix }) {
      const db = await connect();
      const calls: Promise<unknown>[] = [];
      for (let index = 0; index < 500; index++) {
        calls.push(db.put(`${prefix}a`, index), db.get(`${prefix}a`));
      }
      const answers = await Promise.all(calls);
      for (let index = 0; index < 500; index++) assert.equal(answers[2 * index + 1], index);
    },
  },
  {
    name: "getMany gives the values in the order of the keys, over many pages, and undefined where there is none",
    async run({ connect, prefix }) {
      const db = await connect();
      const keys = Array.from({ length: 600 }, (_, index) => `${prefix}${index}`);
      await Promise.all(keys.map((key, index) => db.put(key, { index, text: "x".repeat(1_000) })));
      const asked = keys.flatMap((key, index) => (index % 3 === 0 ? [key, `${key} absent`] : [key]));
      const values = (await db.getMany(asked)) as ({ index: number } | undefined)[];
      assert.deepEqual(
        values.map((value) => value?.index),
        asked.map((key) => (key.endsWith("absent") ? undefined : keys.indexOf(key))),
      );
      assert.deepEqual(await db.getMany([]), []);
    },
  },
  {
    name: "a batch happens as a whole, under one version",
    async run({ connect, prefix }) {
      const db = await connect();
      await db.put(`${prefix}old`, 1);
      const batch = db.batch().put(`${prefix}a`, 1).put(`${prefix}b`, 2).delete(`${prefix}old`);
      assert.equal(batch.size, 3);
      const { version } = await batch.commit();
      assert.deepEqual(await db.getEntry(`${prefix}a`), { value: 1, version });
      assert.deepEqual(await db.getEntry(`${prefix}b`), { value: 2, version });
      assert.equal(await db.get(`${prefix}old`), undefined);
    },
  },
  {
    name: "a batch with a condition that does not hold names the operation and changes nothing",
    async run({ client, connect, prefix }) {
      const db = await connect();
      const { version } = await db.put(`${prefix}b`, 1);
      const batch = db
        .batch()
        .put(`${prefix}a`, 1)
        .put(`${prefix}b`, 2, { ifAbsent: true })
        .delete(`${prefix}c`);
      await assert.rejects(batch.commit(), (error) => {
        assert.ok(error instanceof client.ConflictError);
        assert.equal(error.operationIndex, 1);
        assert.equal(error.actualVersion, version);
        assert.match(error.message, /operation 1, put/);
        return true;
      });
      assert.equal(await db.get(`${prefix}a`), undefined);
      assert.equal(await db.get(`${prefix}b`), 1);
    },
  },
  {
    name: "a batch is committed once, and not when it is empty",
    async run({ client, connect, prefix }) {
      const db = await connect();
      await assert.rejects(db.batch().commit(), client.InvalidArgumentError);
      const batch = db.batch().put(`${prefix}a`, 1);
      await batch.commit();
      await assert.rejects(batch.commit(), client.InvalidArgumentError);
      assert.throws(() => batch.delete(`${prefix}a`), client.InvalidArgumentError);
    },
  },
  {
    name: "a batch reaches over keyspaces, each with its prefix and codec",
    async run({ client, connect, prefix }) {
      const db = await connect();
      const users = db.keyspace<{ name: string }>(`${prefix}users/`);
      const mails = db.keyspace(`${prefix}mails/`, { codec: client.codecs.string });
      await users.batch().put("1", { name: "Ada" }).within(mails).put("ada@example.org", "1").commit();
      assert.deepEqual(await users.get("1"), { name: "Ada" });
      assert.equal(await mails.get("ada@example.org"), "1");
    },
  },
  {
    name: "a scan gives the entries in the order of their bytes, over many pages",
    async run({ connect, prefix }) {
      const db = (await connect()).keyspace<number>(prefix);
      const { version } = await db.put("ä", 1);
      const keys = Array.from({ length: 1_000 }, (_, index) => String(index).padStart(4, "0"));
      await Promise.all(keys.map((key, index) => db.put(key, index)));
      const entries = await db.scan().all();
      assert.deepEqual(
        entries.map(({ key }) => key),
        [...keys, "ä"],
      );
      assert.deepEqual(entries.at(-1), { key: "ä", value: 1, version });
      const some = async (options: Client.ScanOptions) =>
        (await db.scan(options).all()).map(({ key }) => key);
      assert.deepEqual(await some({ start: "0010", end: "0013" }), ["0010", "0011", "0012"]);
      assert.deepEqual(await some({ start: "0010", end: "0013", reverse: true }), ["0012", "0011", "0010"]);
      assert.deepEqual(await some({ prefix: "099" }), keys.slice(990));
      assert.deepEqual(await some({ prefix: "099", start: "0995", limit: 2 }), ["0995", "0996"]);
      assert.deepEqual(await some({ reverse: true, limit: 2 }), ["ä", "0999"]);
      assert.deepEqual(await some({ reverse: true, start: "ä" }), ["ä"]);
      assert.equal((await some({ limit: 555 })).length, 555);
      assert.deepEqual(await some({ limit: 0 }), []);
      assert.deepEqual(await some({ start: "x", end: "b" }), []);
    },
  },
  {
    name: "a scan may be left early, and begun again",
    async run({ connect, prefix }) {
      const db = (await connect()).keyspace<number>(prefix);
      await Promise.all(Array.from({ length: 300 }, (_, index) => db.put(String(1_000 + index), index)));
      const scan = db.scan();
      for (let round = 0; round < 3; round++) {
        let seen = 0;
        for await (const { value } of scan) {
          assert.equal(value, seen++);
          if (seen === 150) break;
        }
        assert.equal(seen, 150);
      }
    },
  },
  {
    name: "a scan over many pages shows one moment, whatever is written meanwhile",
    async run({ connect, prefix }) {
      const db = (await connect()).keyspace<{ index: number; text: string }>(prefix);
      const keys = Array.from({ length: 1_000 }, (_, index) => `k${1_000 + index}`);
      const text = "x".repeat(1_000);
      await Promise.all(keys.map((key, index) => db.put(key, { index, text })));
      for (const reverse of [false, true]) {
        const seen: number[] = [];
        for await (const { key, value } of db.scan({ reverse })) {
          assert.equal(key, keys[value.index]);
          seen.push(value.index);
          if (seen.length === 20) {
            const writes = keys.map((other, index) => db.put(other, { index: index + 1_000, text }));
            await Promise.all([...writes, db.put("k1500 new", { index: 9, text }), db.delete("k1600")]);
          }
        }
        assert.deepEqual(
          seen,
          keys.map((_, index) => (reverse ? 999 - index : index)),
        );
        await Promise.all(keys.map((key, index) => db.put(key, { index, text })));
        await db.delete("k1500 new");
      }
    },
  },
  {
    name: "a scan with keysOnly gives keys and versions, and no values",
    async run({ client, connect, prefix }) {
      const db = (await connect()).keyspace<unknown>(prefix);
      const text = db.keyspace("", { codec: client.codecs.string });
      const first = await text.put("a", "no msgpack");
      const second = await db.put("b", null);
      assert.deepEqual(await db.scan({ keysOnly: true }).all(), [
        { key: "a", version: first.version },
        { key: "b", version: second.version },
      ]);
      assert.deepEqual(await db.scan({ keysOnly: true, reverse: true, limit: 1 }).all(), [
        { key: "b", version: second.version },
      ]);
      await using snapshot = await (await connect()).snapshot();
      await db.delete("a");
      const keys = await snapshot.keyspace(prefix).scan({ keysOnly: true }).all();
      assert.deepEqual(
        keys.map(({ key }) => key),
        ["a", "b"],
      );
    },
  },
  {
    name: "a snapshot shows the store as it was, to every kind of read and in every keyspace",
    async run({ client, connect, prefix }) {
      const db = await connect();
      const users = db.keyspace<{ name: string }>(`${prefix}users/`);
      await users.put("ada", { name: "Ada" });
      const { version } = await users.put("bob", { name: "Bob" });
      await db.keyspace(prefix, { codec: client.codecs.string }).put("text", "text");
      await using snapshot = await db.snapshot();
      assert.ok(snapshot.seq > version);
      await users
        .batch()
        .put("ada", { name: "Ada Lovelace" })
        .delete("bob")
        .put("eve", { name: "Eve" })
        .commit();
      const then = snapshot.keyspace(prefix).keyspace<{ name: string }>("users/");
      assert.deepEqual(await then.get("ada"), { name: "Ada" });
      assert.deepEqual(await then.getEntry("bob"), { value: { name: "Bob" }, version });
      assert.equal(await then.get("eve"), undefined);
      assert.deepEqual(await then.getMany(["eve", "bob"]), [undefined, { name: "Bob" }]);
      assert.deepEqual(
        (await then.scan().all()).map(({ key, value }) => [key, value.name]),
        [
          ["ada", "Ada"],
          ["bob", "Bob"],
        ],
      );
      assert.deepEqual(
        (await then.scan({ reverse: true, limit: 1 }).all()).map(({ key }) => key),
        ["bob"],
      );
      assert.equal(await snapshot.keyspace(prefix, { codec: client.codecs.string }).get("text"), "text");
      const bytes = snapshot.keyspace(`${prefix}users/`, { keys: "bytes" });
      assert.deepEqual((await bytes.scan().all())[0]!.key, new TextEncoder().encode("ada"));
      assert.deepEqual(await users.getMany(["ada", "bob"]), [{ name: "Ada Lovelace" }, undefined]);
      // A later one shows what came in between.
      await using later = await db.snapshot({ leaseMs: 60_000 });
      assert.ok(later.seq > snapshot.seq);
      assert.equal(await later.get(`${prefix}users/bob`), undefined);
    },
  },
  {
    name: "a snapshot that was closed takes no reads, and one that is open does not hold up the closing of its client",
    async run({ client, connect, prefix }) {
      const db = await connect();
      await db.put(`${prefix}a`, 1);
      const isClosed = (error: unknown) => error instanceof client.ClosedError && error.code === "CLOSED";
      const snapshot = await db.snapshot();
      const read = snapshot.get(`${prefix}a`);
      await snapshot.close();
      assert.equal(await read, 1);
      await assert.rejects(snapshot.get(`${prefix}a`), isClosed);
      await assert.rejects(snapshot.keyspace(prefix).scan().all(), isClosed);
      await snapshot.close();
      const open = await db.snapshot();
      await db.close();
      await assert.rejects(open.get(`${prefix}a`), isClosed);
      await assert.rejects(db.snapshot(), isClosed);
      await open.close();
    },
  },
  {
    name: "a lease that is none is refused",
    async run({ client, connect }) {
      const db = await connect();
      for (const leaseMs of [0, -1, 0.5, Number.NaN, Infinity])
        await assert.rejects(db.snapshot({ leaseMs }), client.InvalidArgumentError);
    },
  },
  {
    name: "a checkpoint tells how far it came, and neither it nor a compaction changes what is read",
    async run({ connect, prefix }) {
      const db = await connect();
      await db.put(`${prefix}a`, 1);
      await db.put(`${prefix}b`, 1);
      const { version } = await db.delete(`${prefix}b`);
      const { seq } = await db.checkpoint();
      assert.ok(seq >= version);
      assert.equal(await db.compact(), undefined);
      assert.ok((await db.checkpoint({ timeoutMs: 60_000 })).seq >= seq);
      assert.deepEqual(await db.getMany([`${prefix}a`, `${prefix}b`]), [1, undefined]);
    },
  },
  {
    name: "a keyspace adds its prefix and takes it off again, nested ones as well",
    async run({ connect, prefix }) {
      const db = await connect();
      const outer = db.keyspace<number>(`${prefix}outer/`);
      const inner = outer.keyspace("inner/");
      await inner.put("a", 1);
      await outer.put("b", 2);
      await db.put(`${prefix}outer0`, 3);
      assert.equal(await db.get(`${prefix}outer/inner/a`), 1);
      assert.deepEqual(
        (await outer.scan().all()).map(({ key }) => key),
        ["b", "inner/a"],
      );
      assert.deepEqual(
        (await inner.scan({ start: "a" }).all()).map(({ key }) => key),
        ["a"],
      );
      assert.deepEqual(await outer.getMany(["b", "inner/a", "c"]), [2, 1, undefined]);
      await inner.put("", 4);
      assert.equal(await outer.get("inner/"), 4);
    },
  },
  {
    name: "keys may be bytes, and come back as bytes where that is asked for",
    async run({ client, connect, prefix }) {
      const db = await connect();
      const bytes = db.keyspace<number, "bytes">(prefix, { keys: "bytes" });
      const key = new Uint8Array([0xff, 0x00, 0xfe]);
      await bytes.put(key, 1);
      await bytes.put("text", 2);
      assert.deepEqual(
        (await bytes.scan().all()).map((entry) => entry.key),
        [new Uint8Array([0x74, 0x65, 0x78, 0x74]), key],
      );
      assert.equal(await db.keyspace(prefix).get("text"), 2);
      await assert.rejects(
        db.keyspace(prefix).scan().all(),
        (error) => error instanceof client.CodecError && /ff00fe/.test(error.message),
      );
    },
  },
  {
    name: "keys that are none are refused",
    async run({ client, connect }) {
      const db = await connect();
      for (const key of ["", new Uint8Array(0), 1, null, undefined, "\ud800"]) {
        await assert.rejects(db.get(key as string), client.InvalidArgumentError);
        await assert.rejects(db.put(key as string, 1), client.InvalidArgumentError);
        await assert.rejects(db.getMany([key as string]), client.InvalidArgumentError);
      }
    },
  },
  {
    name: "codecs decide what the bytes are",
    async run({ client, connect, prefix }) {
      const { codecs } = client;
      const db = await connect();
      const json = db.keyspace(prefix, { codec: codecs.json<{ a: number }>() });
      const text = db.keyspace(prefix, { codec: codecs.string });
      const bytes = db.keyspace(prefix, { codec: codecs.bytes });
      await json.put("a", { a: 1 });
      assert.equal(await text.get("a"), '{"a":1}');
      assert.deepEqual(await bytes.get("a"), new TextEncoder().encode('{"a":1}'));
      await bytes.put("a", new Uint8Array([0xff]));
      await assert.rejects(text.get("a"), client.CodecError);
      await assert.rejects(json.get("a"), client.CodecError);
      await assert.rejects(bytes.put("a", "text" as never), client.CodecError);
      await assert.rejects(text.put("a", 1 as never), client.CodecError);
      await bytes.put("a", new Uint8Array(0));
      assert.deepEqual(await bytes.get("a"), new Uint8Array(0));
    },
  },
  {
    name: "a codec of one's own gets bytes of its own, and its failures are CodecErrors",
    async run({ client, connect, prefix }) {
      const db = await connect();
      const kept: Uint8Array[] = [];
      const floats: Client.Codec<Float64Array> = {
        encode: (value) => new Uint8Array(value.buffer),
        decode(bytes) {
          kept.push(bytes);
          if (bytes.length === 0) throw new Error("too short for me");
          return new Float64Array(bytes.buffer);
        },
      };
      const space = db.keyspace(prefix, { codec: floats });
      await space.put("a", new Float64Array([1.5, 2.5]));
      const [first, second] = await Promise.all([space.get("a"), space.get("a")]);
      assert.deepEqual(first, new Float64Array([1.5, 2.5]));
      first![0] = 9;
      assert.deepEqual(second, new Float64Array([1.5, 2.5]));
      await space.put("a", new Float64Array(0));
      await assert.rejects(
        space.get("a"),
        (error) => error instanceof client.CodecError && /too short for me/.test(error.message),
      );
    },
  },
  {
    name: "bytes that were read are a copy, and bytes that were given may be changed at once",
    async run({ client, connect, prefix }) {
      const db = (await connect()).keyspace(prefix, { codec: client.codecs.bytes });
      const value = new Uint8Array(100).fill(1);
      const key = new Uint8Array([1]);
      const put = db.put(key, value);
      const get = db.get(key);
      value.fill(2);
      key[0] = 2;
      await put;
      const read = await get;
      assert.deepEqual(read, new Uint8Array(100).fill(1));
      await Promise.all(Array.from({ length: 100 }, () => db.put("other", new Uint8Array(100).fill(3))));
      assert.deepEqual(read, new Uint8Array(100).fill(1));
      assert.equal(read!.buffer.byteLength, 100);
    },
  },
  {
    name: "what is beyond the server's limits is refused before it is sent",
    async run({ client, connect, prefix }) {
      const db = await connect();
      const { keyBytesMax, valueBytesMax } = db.limits;
      const isLimit = (limit: number, actual: number) => (error: unknown) =>
        error instanceof client.LimitError && error.limit === limit && error.actual === actual;
      const key = "k".repeat(keyBytesMax + 1);
      await assert.rejects(db.get(key), isLimit(keyBytesMax, keyBytesMax + 1));
      const umlauts = "ä".repeat(keyBytesMax / 2 + 1);
      await assert.rejects(db.get(umlauts), isLimit(keyBytesMax, umlauts.length * 2));
      const bytes = db.keyspace(prefix, { codec: client.codecs.bytes });
      const value = new Uint8Array(valueBytesMax + 1);
      await assert.rejects(bytes.put("a", value), isLimit(valueBytesMax, valueBytesMax + 1));
      assert.throws(() => bytes.batch().put("a", value), client.LimitError);
      await db.put("k".repeat(keyBytesMax), 1);
      assert.equal(await db.get("k".repeat(keyBytesMax)), 1);
      await db.delete("k".repeat(keyBytesMax));
    },
  },
  {
    name: "the largest value makes the way there and back",
    async run({ client, connect, prefix }) {
      const db = (await connect()).keyspace(prefix, { codec: client.codecs.bytes });
      const { valueBytesMax } = (await connect()).limits;
      const value = new Uint8Array(valueBytesMax).fill(7);
      value[valueBytesMax - 1] = 8;
      await db.put("a", value, { timeoutMs: 60_000 });
      const read = await db.get("a", { timeoutMs: 60_000 });
      assert.equal(Buffer.compare(read!, value), 0);
      await db.delete("a");
    },
  },
  {
    name: "a call whose signal was aborted before is not made",
    async run({ client, connect, prefix }) {
      const db = await connect();
      const signal = AbortSignal.abort("enough");
      const isAbort = (error: unknown) =>
        error instanceof client.AbortError &&
        error.name === "AbortError" &&
        error.cause === "enough" &&
        error.outcome === "not-applied";
      await assert.rejects(db.put(`${prefix}a`, 1, { signal }), isAbort);
      await assert.rejects(db.get(`${prefix}a`, { signal }), isAbort);
      await assert.rejects(db.getMany([`${prefix}a`], { signal }), isAbort);
      await assert.rejects(db.scan({ signal }).all(), isAbort);
      assert.equal(await db.get(`${prefix}a`), undefined);
    },
  },
  {
    name: "a write that is aborted in the tick in which it was made certainly does not happen",
    async run({ client, connect, prefix }) {
      const db = await connect();
      const controller = new AbortController();
      const put = db.put(`${prefix}a`, 1, { signal: controller.signal });
      const after = db.put(`${prefix}b`, 2);
      controller.abort();
      await assert.rejects(
        put,
        (error) => error instanceof client.AbortError && error.outcome === "not-applied",
      );
      await after;
      assert.deepEqual(await db.getMany([`${prefix}a`, `${prefix}b`]), [undefined, 2]);
    },
  },
  {
    name: "a deadline that is none is refused",
    async run({ client, connect, prefix }) {
      const db = await connect();
      for (const timeoutMs of [0, -1, 0.2, 1.5, Number.NaN, Infinity, 2 ** 31]) {
        await assert.rejects(db.get(`${prefix}a`, { timeoutMs }), client.InvalidArgumentError);
        await assert.rejects(db.getMany([`${prefix}a`], { timeoutMs }), client.InvalidArgumentError);
        await assert.rejects(connect({ timeoutMs }), client.InvalidArgumentError);
      }
    },
  },
  {
    name: "ping, stats and the properties of a connection tell of the server",
    async run({ connect }) {
      const db = await connect();
      await db.ping();
      assert.equal(typeof (await db.stats()), "object");
      assert.equal(db.state, "ready");
      assert.equal(db.syncMode, "always");
      assert.equal(db.storeId.length, 16);
      assert.ok(db.limits.inFlightRequestsMax > 0);
    },
  },
  {
    name: "close waits for the calls that are open, and refuses those that come after",
    async run({ client, connect, prefix }) {
      const db = await connect();
      const puts = Array.from({ length: 1_000 }, (_, index) => db.put(`${prefix}${index}`, index));
      const closed = db.close();
      assert.equal(db.state, "closing");
      const isClosed = (error: unknown) =>
        error instanceof client.ClosedError && error.outcome === "not-applied";
      await assert.rejects(db.put(`${prefix}late`, 1), isClosed);
      await closed;
      await Promise.all(puts);
      assert.equal(db.state, "closed");
      await assert.rejects(db.get(`${prefix}0`), isClosed);
      assert.equal(db.close(), closed);
      assert.equal(await (await connect()).get(`${prefix}999`), 999);
      assert.equal(await (await connect()).get(`${prefix}late`), undefined);
    },
  },
  {
    name: "a connection is disposed of by await using",
    async run({ connect }) {
      const db = await connect();
      await db[Symbol.asyncDispose]();
      assert.equal(db.state, "closed");
    },
  },
  {
    name: "connecting to where nobody listens fails within its time, and says so",
    async run({ client }) {
      await assert.rejects(
        client.connect("holdfast://127.0.0.1:1", { connectTimeoutMs: 100 }),
        (error) =>
          error instanceof client.ConnectionError &&
          error.code === "CONNECTION_FAILED" &&
          /127\.0\.0\.1:1 .*is the server running/.test(error.message),
      );
    },
  },
  {
    name: "connecting can be aborted",
    async run({ client }) {
      const controller = new AbortController();
      const connected = client.connect("holdfast://127.0.0.1:1", { signal: controller.signal });
      setTimeout(() => controller.abort(), 10);
      await assert.rejects(connected, { name: "AbortError" });
      await assert.rejects(client.connect("holdfast://127.0.0.1:1", { signal: AbortSignal.abort() }), {
        name: "AbortError",
      });
    },
  },
];
