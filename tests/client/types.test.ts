import { expectTypeOf, test } from "bun:test";
import {
  codecs,
  connect,
  type Batch,
  type Checkpoint,
  type Codec,
  type Database,
  type Entry,
  type KeyEntry,
  type KeyScan,
  type Keyspace,
  type ReadonlyKeyspace,
  type Scan,
  type Snapshot,
  type VersionedValue,
  type Written,
} from "../../client/client.ts";

interface User {
  name: string;
}

/** These hold if they compile: `bun check` is the test, and nothing here is run. */
test("the types of the client say what its calls give", () => {
  async function program(): Promise<void> {
    const db = await connect();
    expectTypeOf(db).toEqualTypeOf<Database<unknown, "string">>();
    expectTypeOf(await db.get("a")).toEqualTypeOf<unknown>();
    expectTypeOf(await connect<User>("holdfast://h")).toEqualTypeOf<Database<User, "string">>();
    expectTypeOf(await connect({ codec: codecs.string, keys: "bytes" })).toEqualTypeOf<
      Database<string, "bytes">
    >();

    const users = db.keyspace<User>("users/");
    expectTypeOf(users).toEqualTypeOf<Keyspace<User, "string">>();
    expectTypeOf(await users.get("a")).toEqualTypeOf<User | undefined>();
    expectTypeOf(await users.getEntry("a")).toEqualTypeOf<VersionedValue<User> | undefined>();
    expectTypeOf(await users.getMany(["a"])).toEqualTypeOf<(User | undefined)[]>();
    expectTypeOf(await users.put("a", { name: "Ada" })).toEqualTypeOf<Written>();
    expectTypeOf(await users.delete(new Uint8Array(1))).toEqualTypeOf<Written>();
    expectTypeOf(users.batch()).toEqualTypeOf<Batch<User>>();
    expectTypeOf(users.scan()).toEqualTypeOf<Scan<User, "string">>();
    expectTypeOf(await users.scan().all()).toEqualTypeOf<Entry<User, "string">[]>();
    for await (const entry of users.scan()) expectTypeOf(entry.key).toEqualTypeOf<string>();

    expectTypeOf(await users.scan({ keysOnly: true }).all()).toEqualTypeOf<KeyEntry<"string">[]>();

    const snapshot = await db.snapshot({ leaseMs: 1_000 });
    expectTypeOf(snapshot).toEqualTypeOf<Snapshot<unknown, "string">>();
    const usersThen = snapshot.keyspace<User>("users/");
    expectTypeOf(usersThen).toEqualTypeOf<ReadonlyKeyspace<User, "string">>();
    expectTypeOf(await usersThen.get("a")).toEqualTypeOf<User | undefined>();
    expectTypeOf(await usersThen.getMany(["a"])).toEqualTypeOf<(User | undefined)[]>();
    expectTypeOf(usersThen.scan()).toEqualTypeOf<Scan<User, "string">>();
    expectTypeOf(usersThen.keyspace("a/", { keys: "bytes" }).scan({ keysOnly: true })).toEqualTypeOf<
      KeyScan<"bytes">
    >();
    expectTypeOf(await db.checkpoint()).toEqualTypeOf<Checkpoint>();
    expectTypeOf(await db.compact()).toEqualTypeOf<void>();
    // A function that only reads takes either.
    const readers: ReadonlyKeyspace<User>[] = [users, usersThen];
    expectTypeOf(readers[0]!.scan()).toEqualTypeOf<Scan<User>>();

    // A keyspace within one has its values and keys, unless it says otherwise.
    expectTypeOf(users.keyspace("admins/")).toEqualTypeOf<Keyspace<User, "string">>();
    const blobs = users.keyspace("blobs/", { codec: codecs.bytes, keys: "bytes" });
    expectTypeOf(blobs).toEqualTypeOf<Keyspace<Uint8Array, "bytes">>();
    expectTypeOf(blobs.keyspace("x/")).toEqualTypeOf<Keyspace<Uint8Array, "bytes">>();
    for await (const entry of blobs.scan()) expectTypeOf(entry.key).toEqualTypeOf<Uint8Array>();
    expectTypeOf(users.batch().within(blobs)).toEqualTypeOf<Batch<Uint8Array>>();

    expectTypeOf(codecs.json<User>()).toEqualTypeOf<Codec<User>>();
    expectTypeOf(codecs.msgpack<User>()).toEqualTypeOf<Codec<User>>();

    // @ts-expect-error a write to a snapshot
    await snapshot.put("a", 1);
    // @ts-expect-error a write to a snapshot's keyspace
    usersThen.batch();
    // @ts-expect-error a value of a scan without values
    for await (const { value } of users.scan({ keysOnly: true })) void value;
    // @ts-expect-error a value of another type
    await users.put("a", { nam: "Ada" });
    // @ts-expect-error a value of another type, in a batch
    users.batch().put("a", "Ada");
    // @ts-expect-error a value of another keyspace's type
    users.batch().within(blobs).put("a", { name: "Ada" });
    // @ts-expect-error a key of another type
    await users.get(1);
    // @ts-expect-error a condition that deletes do not have
    await users.delete("a", { ifAbsent: true });
    // @ts-expect-error a condition that may be missing
    await users.put("a", { name: "Ada" }, { ifVersion: undefined });
    // @ts-expect-error an option that there is not
    await connect("holdfast://h", { timeout: 5 });
    // @ts-expect-error keys of a third kind
    db.keyspace("a/", { keys: "numbers" });
  }
  expectTypeOf(program).toBeFunction();
});
