import fc from "fast-check";
import { status } from "../../src/protocol/status.ts";
import { hexOf, type Operation, type Request, type Response } from "./message.ts";

/** Messages of every kind, with a liking for the numbers and lengths at which a form of msgpack ends. */
const edges = [
  0,
  1,
  0x7f,
  0x80,
  0xff,
  0x100,
  0xffff,
  0x1_0000,
  0xffff_ffff,
  0x1_0000_0000,
  Number.MAX_SAFE_INTEGER,
];
const uint = fc.oneof(fc.nat(300), fc.constantFrom(...edges), fc.maxSafeNat());
const positive = uint.map((value) => Math.max(value, 1));
const id = positive.map((value) => Math.min(value, 0xffff_ffff));

const short = (lengthMin: number) => fc.uint8Array({ minLength: lengthMin, maxLength: 24 });
const edgy = fc.constantFrom(31, 32, 255, 256, 65_535).map((length) => new Uint8Array(length).fill(length));
const key = fc.oneof({ weight: 9, arbitrary: short(1) }, { weight: 1, arbitrary: edgy }).map(hexOf);
const long = fc.constantFrom(65_536, 70_000).map((length) => new Uint8Array(length).fill(length));
const value = fc
  .oneof({ weight: 16, arbitrary: short(0) }, { weight: 2, arbitrary: edgy }, { weight: 1, arbitrary: long })
  .map(hexOf);
const text = fc.string({ unit: "grapheme", maxLength: 40 });

/** A record whose fields beyond the required ones may be left out. */
function message<T>(
  required: Record<string, fc.Arbitrary<unknown>>,
  optional: Record<string, fc.Arbitrary<unknown>> = {},
) {
  const requiredKeys = Object.keys(required);
  return fc.record(
    { ...required, ...optional },
    { requiredKeys: requiredKeys as never },
  ) as unknown as fc.Arbitrary<T>;
}

const kind = (name: string) => fc.constant(name);

const operation: fc.Arbitrary<Operation> = fc.oneof(
  message<Operation>({ type: kind("put"), key, value }, { ifVersion: uint, expiresAtMs: positive }),
  message<Operation>({ type: kind("delete"), key }, { ifVersion: uint }),
);

export const request: fc.Arbitrary<Request> = fc.oneof(
  message<Request>(
    { message: kind("hello"), id },
    {
      credentials: fc.uint8Array({ maxLength: 300 }).map(hexOf),
      session: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(hexOf),
      clientName: text,
    },
  ),
  message<Request>({ message: fc.constantFrom("ping", "stats", "checkpoint", "compact"), id }),
  message<Request>({ message: kind("get"), id, key }, { snapshotId: positive }),
  message<Request>(
    { message: kind("getMany"), id, keys: fc.array(key, { minLength: 1, maxLength: 20 }) },
    { snapshotId: positive },
  ),
  message<Request>(
    { message: kind("put"), id, key, value },
    { ifVersion: uint, expiresAtMs: positive, requestNumber: positive },
  ),
  message<Request>({ message: kind("delete"), id, key }, { ifVersion: uint, requestNumber: positive }),
  message<Request>(
    { message: kind("batch"), id, operations: fc.array(operation, { minLength: 1, maxLength: 20 }) },
    { requestNumber: positive },
  ),
  message<Request>(
    { message: kind("scan"), id, reverse: fc.boolean(), limit: uint },
    { start: key, end: key, prefix: key, after: key, snapshotId: uint, keysOnly: fc.constant(true) },
  ),
  message<Request>({ message: kind("openSnapshot"), id, leaseMs: uint }),
  message<Request>({ message: kind("renewSnapshot"), id, snapshotId: positive, leaseMs: uint }),
  message<Request>({ message: kind("closeSnapshot"), id, snapshotId: positive }),
);

const versioned = fc.oneof(fc.record({ version: positive, value }), fc.constant({ version: 0, value: null }));

const scanEntry = fc.record({ key, version: positive, value });

const info = fc.letrec((tie) => ({
  leaf: fc.oneof(
    uint,
    fc.double({ noNaN: true }).filter((n) => !Object.is(n, -0)),
    text,
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 20 }),
  ),
  list: fc.array(tie("leaf"), { maxLength: 20 }),
  map: fc.dictionary(text, tie("leaf"), { maxKeys: 20, noNullPrototype: false }),
  top: fc.dictionary(text, fc.oneof(tie("leaf"), tie("list"), tie("map")), {
    maxKeys: 20,
    noNullPrototype: false,
  }),
})).top;

export const response: fc.Arbitrary<Response> = fc.oneof(
  message<Response>({ message: kind("pong"), id }),
  message<Response>({ message: kind("written"), id, version: positive }),
  fc.tuple(id, versioned).map(([id, entry]): Response => ({ message: "entry", id, ...entry })),
  fc
    .tuple(id, fc.array(scanEntry, { maxLength: 20 }), fc.boolean(), fc.option(key), fc.option(positive))
    .map(([id, entries, wantsMore, stop, snapshotId]): Response => {
      const stoppedAt = stop === null || stop === entries.at(-1)?.key ? {} : { stoppedAt: stop };
      const more = "stoppedAt" in stoppedAt || (wantsMore && entries.length > 0);
      const opened = more && snapshotId !== null ? { snapshotId } : {};
      return { message: "scanPage", id, entries, more, ...stoppedAt, ...opened };
    }),
  fc
    .tuple(id, fc.array(versioned, { minLength: 1, maxLength: 20 }), fc.boolean())
    .map(([id, entries, more]): Response => ({ message: "getManyPage", id, entries, more })),
  message<Response>({ message: kind("snapshot"), id, snapshotId: positive, seq: uint, leaseMs: positive }),
  message<Response>({ message: kind("checkpointed"), id, seq: uint }),
  message<Response>({ message: kind("done"), id }),
  message<Response>({ message: kind("statsReply"), id, stats: info }),
  message<Response>({
    message: kind("error"),
    id: fc.oneof(id, fc.constant(0)),
    status: fc.constantFrom(...Object.keys(status).filter((name) => name !== "OK")),
    text,
    outcome: fc.constantFrom("notApplied", "unknown"),
    details: fc.array(uint, { maxLength: 8 }),
  }),
);
