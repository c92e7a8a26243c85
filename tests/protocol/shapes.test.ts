import { expect, test } from "bun:test";
import {
  snapshotWanted as storeSnapshotWanted,
  unconditional as storeUnconditional,
  type KeyCursor,
  type OperationCursor,
  type ScanRange,
  type Store,
  type SyncMode,
  type Write,
} from "../../src/engine/store.ts";
import type { HelloInfo } from "../../src/protocol/hello.ts";
import { newestState, opcode, snapshotWanted, unconditional } from "../../src/protocol/opcodes.ts";
import { RequestDecoder } from "../../src/protocol/request.ts";
import type { ScanRequest } from "../../src/protocol/scan-request.ts";
import { encode, type Request } from "./message.ts";

/**
 * The protocol lies below the engine and may not import it, so its decoder has the shapes that a store asks for
 * without naming them. That they fit is proved here, by the type checker as well as by running.
 */
const decoder = new RequestDecoder();
const asWrite: Write = decoder;
const asOperations: OperationCursor = decoder;
const asKeys: KeyCursor = decoder;
const asRange = (scan: ScanRequest): ScanRange => scan;
const asSyncMode = (mode: HelloInfo["syncMode"]): SyncMode => mode;
const asHelloMode = (mode: SyncMode): HelloInfo["syncMode"] => mode;
const asCalls = (store: Store) => [
  store.put.bind(store, 1, decoder),
  store.batch.bind(store, 1, decoder),
  store.getMany.bind(store, 1, decoder),
];
expect([asRange, asSyncMode, asHelloMode, asCalls]).toBeDefined();

function decode(message: Request): void {
  const payload = encode(message).subarray(4);
  decoder.decode(payload, 0, payload.length);
}

test("a store reads a decoded put as its Write", () => {
  decode({ message: "put", id: 1, key: "6b", value: "76", ifVersion: 7 });
  const { bytes, keyStart, keyEnd, valueStart, valueEnd, ifVersion } = asWrite;
  expect(bytes.toString("latin1", keyStart, keyEnd)).toBe("k");
  expect(bytes.toString("latin1", valueStart, valueEnd)).toBe("v");
  expect(ifVersion).toBe(7);
});

test("a store reads a decoded batch as its OperationCursor", () => {
  decode({
    message: "batch",
    id: 1,
    operations: [
      { type: "delete", key: "61" },
      { type: "put", key: "62", value: "" },
    ],
  });
  expect(asOperations.operationCount).toBe(2);
  const seen: [string, boolean][] = [];
  for (asOperations.rewind(); asOperations.next();) {
    const { bytes, keyStart, keyEnd, isDelete } = asOperations;
    seen.push([bytes.toString("latin1", keyStart, keyEnd), isDelete]);
  }
  expect(seen).toEqual([
    ["a", true],
    ["b", false],
  ]);
});

test("a store reads a decoded getMany as its KeyCursor", () => {
  decode({ message: "getMany", id: 1, keys: ["61", "62"] });
  const seen: string[] = [];
  for (asKeys.rewind(); asKeys.next();)
    seen.push(asKeys.bytes.toString("latin1", asKeys.keyStart, asKeys.keyEnd));
  expect(seen).toEqual(["a", "b"]);
});

test("a store reads a decoded scan as its ScanRange", () => {
  decode({ message: "scan", id: 1, prefix: "61", reverse: true, limit: 3, snapshotId: 0, keysOnly: true });
  const { prefix, reverse, limit, keysOnly } = asRange(decoder.scan!);
  expect([Buffer.from(prefix!).toString(), reverse, limit, keysOnly]).toEqual(["a", true, 3, true]);
});

test("no condition, and no snapshot yet, are the same numbers for the decoder and for the store", () => {
  expect([unconditional, snapshotWanted]).toEqual([storeUnconditional, storeSnapshotWanted]);
});

test("the snapshots of a scan are told apart: none, one to be opened, and one that is open", () => {
  const snapshotIdOf = (snapshotId: { snapshotId?: number }) => {
    decode({ message: "scan", id: 1, reverse: false, limit: 0, ...snapshotId });
    return decoder.scan!.snapshotId;
  };
  expect([{}, { snapshotId: 0 }, { snapshotId: 7 }].map(snapshotIdOf)).toEqual([
    newestState,
    snapshotWanted,
    7,
  ]);
});

test("opcodes are dense, so that none is given twice", () => {
  expect(Object.values(opcode)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
});
