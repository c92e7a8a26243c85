import { expect, test } from "bun:test";
import { commitOverheadBytes, operationBytes } from "../../src/protocol/batch-bytes.ts";
import { recordFlag } from "../../src/wal/format.ts";
import { commitBytes } from "../../src/wal/group-builder.ts";
import { recordBytes } from "../../src/wal/record.ts";

// The protocol can't import the log, whose bytes it counts. If the log's format changes, this tells.
test("a batch counts as many bytes on the wire's side as it takes in the log", () => {
  expect(commitOverheadBytes).toBe(commitBytes);
  expect(operationBytes(3, 500)).toBe(recordBytes(recordFlag.inBatch, 3, 500));
  expect(operationBytes(3, 0)).toBe(recordBytes(recordFlag.inBatch, 3, 0));
});
