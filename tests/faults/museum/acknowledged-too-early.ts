import { change } from "../mutants/placed-mutant.ts";
import { changesOf, type Exhibit } from "./exhibit.ts";

/** Somebody was told that a write was safe, and it was not yet, or never would be. */
export const acknowledgedTooEarly: readonly Exhibit[] = [
  {
    name: "a single member answers while its log is still being synced",
    system: "etcd",
    source: "https://github.com/etcd-io/etcd/issues/14370, and the explanation in pull request 14394",
    story:
      "In a cluster of one member, Raft hands over an entry as committed together with the request to save it, and etcd " +
      "applied it, and answered, beside the write of the log. A crash in between lost what a client had been told. A user " +
      "found it, in 3.4 to 3.5.4. The same here: what was written counts as acknowledgeable, though its sync is still " +
      "running. The engine's test holds the sync and sees the seq rise all the same.",
    changes: [
      change(
        "wal/log-writer.ts",
        `return this.#options.syncMode === "always" ? this.#segment.durableSeq : this.#segment.writtenSeq;`,
        "return this.#segment.writtenSeq;",
      ),
    ],
    killer: [
      "tests/engine/engine.test.ts",
      "observed means durable a write is acknowledgeable only when the sync",
    ],
    says: /toBeLessThan/,
  },
  {
    name: "the answer of fsync is ignored",
    system: "Redis",
    source: "https://github.com/redis/redis/issues/8111 and pull request 8347",
    story:
      "Until 6.2 Redis did not look at what fsync returned under `appendfsync always`: after an error it went on and " +
      "acknowledged writes that the disk had refused. The paper on fsync failures (USENIX ATC 2020) found it; since pull " +
      "request 8347 the server exits. The same here: the rejection of a group's sync is swallowed. A test lets the sync fail, " +
      "expects the append to be rejected, and is told that it resolved.",
    changes: [
      change(
        "wal/segment-file.ts",
        "await this.#file.datasync();",
        "await this.#file.datasync().catch(() => {});",
      ),
    ],
    killer: ["tests/wal/poison.test.ts", "a failed sync rejects everything that waits"],
    says: /^resolved with/,
  },
  {
    name: "a failed fsync is tried again",
    system: "PostgreSQL",
    source: "PostgreSQL commit “PANIC on fsync() failure”, 19 November 2018; known as fsyncgate",
    story:
      "For some twenty years a checkpoint that met a failed fsync called it again, and believed the " +
      "second answer. But Linux may have dropped the dirty pages with the first, so that the second has " +
      "nothing to do and succeeds: the checkpoint completes, and the data is gone. Since the releases of " +
      "February 2019 PostgreSQL panics instead. The same here: one more try behind a failed sync of the " +
      "log. The sweep of failing calls, on a disk that calls lost pages clean, finds that the log did not " +
      "stop.",
    changes: changesOf("a failed sync is tried again"),
    killer: ["tests/wal/faults.test.ts", 'in mode "always" any call of a run may fail'],
    says: /^datasync .*EIO/,
  },
  {
    name: "bytes that came after the sync began count as synced",
    system: "RocksDB",
    source: "https://github.com/facebook/rocksdb/pull/10560",
    story:
      "`FlushWAL(true)` lets go of its locks while it syncs. What was appended meanwhile to a log that was then switched " +
      "away was taken for synced, and never was: after a power cut there was a hole that recovery did not see. The same " +
      "here: a sync counts all that is written when it returns, not what was when it began. The lives and power cuts " +
      "of mode “batch” come to a segment that is shorter than its successor's header says.",
    changes: changesOf("a sync counts what was written while it ran"),
    killer: ["tests/wal/crash.test.ts", 'no crash breaks what mode "batch" promises'],
    says: /^failed with SEED=/,
  },
  {
    name: "more is noted as synced than was",
    system: "RocksDB",
    source: "https://github.com/facebook/rocksdb/pull/10185",
    story:
      "With `track_and_verify_wals_in_manifest` the manifest could note a larger synced size of a log than had been synced. " +
      "After a power cut the log was shorter than the manifest said, and an honest crash looked like corruption: the store " +
      "refused to open. The same here: a group's header vouches for bytes before it that no sync has covered. In mode " +
      "“batch” a crash that tears the group before it is then taken for damage.",
    changes: changesOf("a group may vouch for what was not synced"),
    killer: [
      "tests/faults/mutants/log-gaps.test.ts",
      "a crash that tears one of two groups that no sync covered is a tear",
    ],
    says: /says that everything before \d+ was synced/,
  },
  {
    name: "a reader sees what a crash takes back",
    system: "etcd",
    source: "https://github.com/etcd-io/etcd/issues/10508",
    story:
      "In a cluster of one member, entries are applied to the database in parallel with saving them to " +
      "the log. A user put a pause before the write of the log, and killed the process once a key was " +
      "applied: after the restart the key could be read, and the log had no entry for it, so that a " +
      "member that was added did not have it. The same here: an answer that shows a pending entry does " +
      "not wait for it. The engine's test holds a sync, reads, and is told that the answer may leave.",
    changes: changesOf("nothing that is read waits"),
    killer: [
      "tests/engine/engine.test.ts",
      "observed means durable a value waits for the write that it depends on",
    ],
    says: /toBeGreaterThan/,
  },
  {
    name: "what failed comes back from the page cache",
    system: "LevelDB",
    source: "Rebello et al., “Can Applications Recover from fsync Failures?”, USENIX ATC 2020",
    story:
      "After a failed fsync ext4, XFS and btrfs all call the pages clean, and the cache shows the new " +
      "content or the old. The paper found the strategies of all five systems that it tried insufficient, " +
      "because their recovery reads that cache: LevelDB returned an error for a record, and after a " +
      "restart the record was there. The same here: a start trusts what it reads, and writes nothing " +
      "anew. A test lets a sync fail with its pages called clean, starts again, loses the power, and " +
      "misses what the second life had shown.",
    changes: changesOf("records that nobody vouches for are not written again"),
    killer: ["tests/wal/poison.test.ts", "a failed sync whose pages the system calls clean"],
    says: /toEqual/,
  },
  {
    name: "acknowledged every few minutes, synced now and then",
    system: "NATS JetStream",
    source: "https://github.com/nats-io/nats-server/issues/7564, and Jepsen's report on NATS 2.12.1",
    story:
      "JetStream acknowledged each message at once, and synced every two minutes: a coordinated power cut lost 131,418 of " +
      "930,005 acknowledged messages. The documentation said that an acknowledgement means persisted. The same here: the " +
      "group's sync is not waited for. A test of mode “always” sees the append resolve while the sync is held.",
    changes: changesOf("an append is acknowledged before its sync returns"),
    killer: ["tests/wal/sync-modes.test.ts", 'in mode "always" an append resolves after the sync'],
    says: /expected false, received true/,
  },
];
