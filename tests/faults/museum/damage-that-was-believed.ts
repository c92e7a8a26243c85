import { change } from "../mutants/placed-mutant.ts";
import { changesOf, type Exhibit } from "./exhibit.ts";

/** What a start or a reader made of bytes that were not what had been written. */
export const damageThatWasBelieved: readonly Exhibit[] = [
  {
    name: "a torn append keeps the server from starting",
    system: "etcd",
    source: "https://github.com/etcd-io/etcd/issues/6378 and 6379",
    story:
      "etcd appended a record with several writes. If a crash kept the later one and lost the earlier, or cut one in its " +
      "middle, the next start took the unfinished record for corruption and gave up: a crash that nobody had been promised " +
      "anything about cost the member. The same here: bytes at the end that are no group are refused, witness or not. The " +
      "tests of torn tails can't open what a crash may leave.",
    changes: [
      change(
        "wal/survey.ts",
        "if (!isLast) return corrupt(",
        "if (!isLast || problem !== undefined) return corrupt(",
      ),
    ],
    killer: ["tests/wal/torn-tail.test.ts", "a torn tail is repaired wherever it was cut"],
    says: /a later segment vouches for this one/,
  },
  {
    name: "a record that ends on the boundary hides that others are missing",
    system: "RocksDB",
    source: "https://github.com/facebook/rocksdb/pull/7701",
    story:
      "Point-in-time recovery went on with the next log when one ended in an incomplete record, and left a hole. The fix " +
      "says what it can't see: a log that is cut exactly between two records. The same here: a segment is not held to what " +
      "its successor says of its end. The decision table's row H, a segment that ends too early and with a whole group, comes " +
      "out clean.",
    changes: changesOf("a segment is not asked how its predecessor ended"),
    killer: ["tests/wal/decision-table.test.ts", "recovery decides row H"],
    says: /expected "corrupt", received "clean"/,
  },
  {
    name: "stale records of a reused log look like new ones",
    system: "RocksDB",
    source: "https://github.com/facebook/rocksdb/pull/6351, 7252, and the comment that issue 13819 quotes",
    story:
      "A recycled log still holds the records of its former life behind the new ones. With two of the " +
      "recovery modes the reader could not tell stale bytes from damage, and a hole in recovered data was " +
      "found; so recycling was switched off with them. Segments are never reused here, and each group's " +
      "checksum begins with the salt of its segment. The same here: the salt is left out. The test of " +
      "group headers finds one that passes in another segment.",
    changes: changesOf("a group's checksum does not begin with the salt"),
    killer: ["tests/wal/headers.test.ts", "a group's header comes back as it went in, where it was written"],
    says: /^Property failed/,
  },
  {
    name: "what lies behind the end is replayed the next time",
    system: "Pebble",
    source: "https://github.com/cockroachdb/pebble/pull/580",
    story:
      "Pebble recycled logs that RocksDB had written in another record format. Valid looking records of the former life then " +
      "lay behind the new tail, and a later replay could apply them again: deleted keys would come back. The same here: the " +
      "tail that a repair cuts off stays in the file. The tests of torn tails write on behind it, start once more, and find " +
      "the log refused.",
    changes: changesOf("a torn tail is not cut"),
    killer: ["tests/wal/torn-tail.test.ts", "a torn tail is repaired wherever it was cut"],
    says: /toEqual/,
  },
  {
    name: "padding lies outside of every checksum",
    system: "TigerBeetle",
    source: "https://github.com/tigerbeetle/tigerbeetle/pull/2681",
    story:
      "Blocks were verified by their checksums, and then it was asserted that the padding behind them is zero: no checksum " +
      "covered it, so one flipped bit stopped the replica. The simulator had never seen that, because it damaged whole " +
      "sectors: too many faults. The same here: the last fields of a segment's header lie outside of its checksum. The test that " +
      "changes each single byte of a header finds one that nobody misses.",
    changes: [
      change(
        "wal/segment-header.ts",
        "const checksum = crc32c(target.subarray(0, 92));",
        "const checksum = crc32c(target.subarray(0, 64));",
      ),
      change(
        "wal/segment-header.ts",
        "if (crc32c(bytes.subarray(0, 92)) !== checksum)",
        "if (crc32c(bytes.subarray(0, 64)) !== checksum)",
      ),
    ],
    killer: ["tests/wal/headers.test.ts", "a segment's header with any one byte changed"],
    says: /^Property failed/,
  },
  {
    name: "one flipped bit takes acknowledged records from the middle",
    system: "NATS JetStream",
    source: "https://github.com/nats-io/nats-server/issues/7549",
    story:
      "Single-bit errors in the block files of a minority of nodes made a stream lose acknowledged " +
      "messages, with sync set to always: 20,350 of them from the middle of one run, with others before " +
      "and behind them kept. The same here: the payload of a group is not compared with its checksum. The " +
      "sweep over damaged logs opens one that should be refused.",
    changes: [
      change(
        "wal/segment-walk.ts",
        "crc32c(segment.subarray(payloadStart, payloadEnd)) !== group.payloadChecksum",
        "payloadEnd < 0 && crc32c(segment) > 0",
      ),
    ],
    killer: [
      "tests/wal/corruption.test.ts",
      "corruption is refused, named by file, offset and seq, with nothing changed: one",
    ],
    says: /^resolved with/,
  },
  {
    name: "what is damaged is taken for an orphan and deleted",
    system: "NATS JetStream",
    source: "https://github.com/nats-io/nats-server/issues/7556",
    story:
      "After single-bit errors in snapshot files and some crashes a node logged that it had detected an " +
      "orphaned stream and would clean up, and its data directory for the stream was empty; the cluster " +
      "did not come back. The same here: a manifest that can't be read counts as none, so that every " +
      "table is a stray. The start of the test is then refused for another reason, if at all: its words " +
      "do not name the manifest and the place.",
    changes: [
      change(
        "engine/recovery.ts",
        "const found = readManifest(this.#world.fileSystem, manifest);",
        "let found: ReturnType<typeof readManifest>;\n    try {\n      found = readManifest(this.#world.fileSystem, manifest);\n    } catch {}",
      ),
    ],
    killer: [
      "tests/crash/damage.test.ts",
      "a server that is started on a manifest with a flipped bit refuses",
    ],
    says: /toContain/,
  },
  {
    name: "a short write has to be atomic",
    system: "LMDB",
    source: "Pillai et al., “All File Systems Are Not Created Equal”, OSDI 2014",
    story:
      "The one vulnerability that ALICE found in LMDB: a write of 106 bytes has to reach the disk whole " +
      "or not at all, which no file system promises. The same here: an edit of the manifest that is there " +
      "in part is refused, instead of passed over as the tear that it is. The crash points of edits that " +
      "are appended find stores that a crash has made unopenable.",
    changes: [
      change(
        "manifest/walk-manifest.ts",
        "if (witness === undefined) return undefined;",
        "if (witness === undefined) return problem;",
      ),
    ],
    killer: [
      "tests/manifest/crash-points.test.ts",
      "a crash at any call, and at any call of the start after it, of edits that are appended",
    ],
    says: /^crash before call .*Cannot read the manifest/,
  },
];
