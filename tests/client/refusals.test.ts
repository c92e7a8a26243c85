import { describe, expect, test } from "bun:test";
import { status, type StatusName } from "../../src/protocol/status.ts";
import { connectedClient, watch } from "./support/test-client.ts";
import { settle } from "./support/test-clock.ts";

/** How the server refuses, and what a write and a read become of it. Details are always [1, 2]. */
const rows: {
  status: Exclude<StatusName, "OK">;
  outcome: 0 | 1;
  write: Record<string, unknown>;
  read: Record<string, unknown>;
}[] = [
  {
    status: "CONFLICT",
    outcome: 0,
    write: { name: "ConflictError", code: "CONFLICT", actualVersion: 1, operationIndex: 2 },
    read: { name: "ConflictError" },
  },
  {
    status: "LIMIT_EXCEEDED",
    outcome: 0,
    write: { name: "LimitError", code: "LIMIT_EXCEEDED", limit: 1, actual: 2 },
    read: { name: "LimitError", limit: 1, actual: 2 },
  },
  {
    status: "INVALID_ARGUMENT",
    outcome: 0,
    write: { name: "InvalidArgumentError", code: "INVALID_ARGUMENT", outcome: "not-applied" },
    read: { name: "InvalidArgumentError" },
  },
  {
    status: "DISK_FULL",
    outcome: 0,
    write: { name: "ServerError", code: "DISK_FULL", status: status.DISK_FULL, outcome: "not-applied" },
    read: { name: "ServerError", code: "DISK_FULL" },
  },
  {
    status: "SNAPSHOT_EXPIRED",
    outcome: 0,
    write: { name: "SnapshotExpiredError", code: "SNAPSHOT_EXPIRED", outcome: "not-applied" },
    read: { name: "SnapshotExpiredError", code: "SNAPSHOT_EXPIRED" },
  },
  {
    status: "STORAGE_FAULT",
    outcome: 0,
    write: { name: "ServerError", code: "STORAGE_FAULT", outcome: "not-applied" },
    read: { name: "ServerError", code: "STORAGE_FAULT" },
  },
  {
    status: "STORAGE_FAULT",
    outcome: 1,
    write: { name: "UnknownOutcomeError", cause: { name: "ServerError", code: "STORAGE_FAULT" } },
    read: { name: "ServerError", code: "STORAGE_FAULT" },
  },
  {
    status: "OVERLOADED",
    outcome: 0,
    write: { name: "ServerError", code: "OVERLOADED", outcome: "not-applied" },
    read: { name: "ServerError", code: "OVERLOADED" },
  },
  {
    status: "INTERNAL",
    outcome: 1,
    write: { name: "UnknownOutcomeError", code: "UNKNOWN_OUTCOME", cause: { code: "INTERNAL" } },
    read: { name: "ServerError", code: "INTERNAL" },
  },
];

describe("a refusal of the server", () => {
  for (const row of rows) {
    test(`${row.status} with outcome ${row.outcome} becomes its own error, and says what is known of a write`, async () => {
      const { db, network } = await connectedClient();
      network.script.refusal = { status: status[row.status], outcome: row.outcome };
      const write = watch(db.put("a", 1));
      const read = watch(db.get("a"));
      await settle();
      network.last.exchange();
      await settle();
      expect(write.error).toMatchObject(row.write);
      expect(read.error).toMatchObject(row.read);
      expect(write.error.message).toContain('"a"');
    });
  }

  test("is quoted once, its numbers too", async () => {
    const { db, network } = await connectedClient();
    network.script.refusal = { status: status.LIMIT_EXCEEDED, outcome: 0 };
    const write = watch(db.put("a", 1));
    await settle();
    network.last.exchange();
    await settle();
    expect(write.error.message).toStartWith('Cannot put "a", says the server: ');
    expect(write.error.message).not.toContain("is beyond the limit of");
  });

  test("of a status that this client does not know keeps its number", async () => {
    const { db, network } = await connectedClient();
    network.script.refusal = { status: 99 as 1, outcome: 0 };
    const write = watch(db.put("a", 1));
    await settle();
    network.last.exchange();
    await settle();
    expect(write.error).toMatchObject({ name: "ServerError", code: "STATUS_99", status: 99 });
  });
});
