import { change } from "../mutants/placed-mutant.ts";
import { changesOf, type Exhibit } from "./exhibit.ts";

const manifestAnew =
  "a crash at any call, and at any call of the start after it, of edits that are each written with a new file";

/** The bytes were on the disk, and no name led to them; or a name led to bytes that were not there. */
export const namesThatWereLost: readonly Exhibit[] = [
  {
    name: "the log's directory is not synced after a rename",
    system: "etcd",
    source: "https://github.com/etcd-io/etcd/issues/6368",
    story:
      "A new segment of the log was written under a temporary name, synced, renamed, and appended to; nobody synced the " +
      "directory. A file system that loses the rename loses all acknowledged records in that segment. Researchers of the " +
      "University of Wisconsin read it off the system calls. The same here, in publishFile. The crash points of a rotation " +
      "lose acknowledged records.",
    changes: changesOf("the directory is not synced after a rename"),
    killer: ["tests/wal/crash-points.test.ts", 'in mode "always" a crash at any call of a rotation'],
    says: /^crash before call .*acknowledged records are lost/,
  },
  {
    name: "the pointer to the manifest is not synced before it gets its name",
    system: "LevelDB",
    source: "https://github.com/google/leveldb/issues/74",
    story:
      "CURRENT, the file that names the manifest, was written and renamed without a sync: after a power cut a user found 16 " +
      "zero bytes in it, and no database. The same here: a manifest gets its name before its content is synced, and the one " +
      "before it is deleted. The crash points of edits that write a new file find a manifest of zeros or garbage.",
    changes: [change("vfs/publish.ts", "    await file.sync();\n", "")],
    killer: ["tests/manifest/crash-points.test.ts", manifestAnew],
    says: /^crash before call .*Cannot read the manifest/,
  },
  {
    name: "the first manifest is not synced",
    system: "LevelDB",
    source: "https://github.com/google/leveldb/issues/189",
    story:
      "While a database was created, CURRENT could come to name a first manifest whose content had never been synced, and " +
      "every later open failed with an I/O error, though nothing had been stored yet. The same here: the names above a new " +
      "manifest are not synced before somebody relies on it. The crash points of a first start find a store that knows of a " +
      "manifest which is not there.",
    changes: changesOf("directories above a new manifest are not synced"),
    killer: [
      "tests/manifest/crash-points.test.ts",
      "a crash at any call, and at any call of the start after it, of a first start",
    ],
    says: /^crash before call .*found a state that can't be/,
  },
  {
    name: "the old log is not synced before a new one is used",
    system: "LevelDB",
    source: "https://github.com/google/leveldb/issues/193",
    story:
      "When a log was full, LevelDB went on in a new one, and synced the old one only if the write asked for it. A power cut " +
      "could keep the newer log and lose the older: the second of two writes was there, and not the first. The same here: a " +
      "segment is sealed without a sync. In mode “none” a rotation is then seen to begin the next segment while the last is " +
      "not on the disk.",
    changes: changesOf("a segment is sealed without a sync"),
    killer: ["tests/wal/sync-modes.test.ts", 'in mode "none" a rotation syncs the segment that it seals'],
    says: /toContain/,
  },
  {
    name: "old files are deleted before the new name is durable",
    system: "LevelDB",
    source: "https://github.com/google/leveldb/issues/195",
    story:
      "At an open LevelDB wrote a new manifest, renamed CURRENT to name it, and deleted the old manifest and logs; nothing " +
      "ordered the rename before the deletions. If they reach the disk first, the manifest that CURRENT names is gone. The " +
      "same here: a start deletes the older manifest before the newer one is published. The crash points of a start find a " +
      "store without a manifest.",
    changes: changesOf("a start deletes the old manifest before the new one is durable"),
    killer: [
      "tests/manifest/crash-points.test.ts",
      "a crash at any call, and at any call of the start after it, of a start, and nothing else",
    ],
    says: /^crash before call .*Cannot read the manifest/,
  },
  {
    name: "the directory of the pointer is not synced",
    system: "RocksDB",
    source: "https://github.com/facebook/rocksdb/pull/10573",
    story:
      "In some paths `SetCurrentFile` was handed no directory, and so the directory that holds CURRENT was not synced after " +
      "the rename: after a power cut recovery could meet the old CURRENT, and fail. The stress test that drops unsynced data " +
      "found it in 2022. The same here, for manifests: the name of a rewritten one is not durable when the older is deleted.",
    changes: changesOf("the directory is not synced after a rename"),
    killer: ["tests/manifest/crash-points.test.ts", manifestAnew],
    says: /^crash before call/,
  },
  {
    name: "the directories of log files are never synced",
    system: "ZooKeeper",
    source: "Pillai et al., “All File Systems Are Not Created Equal”, OSDI 2014",
    story:
      "ALICE found that ZooKeeper never made the directory entries of its log files durable; six of the eleven systems that " +
      "it looked at lacked such syncs somewhere. The same here: the directories above a new log are made, and none of them is " +
      "synced. The crash points of a first start lose the whole log, acknowledged record and all.",
    changes: changesOf("directories above a new log are not synced"),
    killer: ["tests/wal/crash-points.test.ts", 'in mode "always" a crash at any call of the first start'],
    says: /^crash before call .*acknowledged records are lost/,
  },
  {
    name: "directory syncs are missing where tables come into the world",
    system: "Pebble",
    source: "https://github.com/cockroachdb/pebble/issues/125",
    story:
      "The issue is titled “sprinkle directory fsyncs where necessary”: file creations and renames were expected to survive " +
      "a crash though nobody synced their directory. The same here: a flush announces its tables without a sync of theirs. The " +
      "manifest then lists tables that a power cut takes back, and the log has been pruned. The crash points of the whole " +
      "engine find acknowledged entries missing.",
    changes: changesOf("the tables' directory is not synced"),
    killer: [
      "tests/crash/crash-points.test.ts",
      "no crash, at whatever call, takes back what was acknowledged",
    ],
    says: /^crash before call .*the file is missing/,
  },
  {
    name: "a store that a power cut caught while it was begun can't be opened",
    system: "bbolt",
    source: "https://github.com/etcd-io/etcd/issues/16596 and https://github.com/etcd-io/bbolt/issues/567",
    story:
      "bbolt writes the first four pages of a new file in one write; a power cut in the middle of it leaves a file that no " +
      "open accepts, though it never held anything. The same here: the first segment gets its name before its header is " +
      "synced. The crash points of a first start find a segment with half a header, and a log that refuses to open.",
    changes: [change("vfs/publish.ts", "    await file.sync();\n", "")],
    killer: ["tests/wal/crash-points.test.ts", 'in mode "always" a crash at any call of the first start'],
    says: /^crash before call .*Cannot read the log/,
  },
];
