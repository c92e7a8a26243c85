import { change } from "../mutants/placed-mutant.ts";
import { changesOf, type Exhibit } from "./exhibit.ts";

/** Each step was right, and one came before the step that it stands on; or two came at once. */
export const stepsOutOfOrder: readonly Exhibit[] = [
  {
    name: "how far the data goes is kept apart from the data",
    system: "etcd",
    source: "etcd's postmortem “v3.5 data inconsistency”; issue 13766",
    story:
      "etcd keeps in its database up to which entry the log was applied. In 3.5 that index could be committed before the " +
      "change that it counts: after a SIGKILL under load the entry was passed over at the start, and with a single member " +
      "nobody could notice. The same here: the edit of the manifest claims more of the log than its table holds. The crash " +
      "points of the engine miss acknowledged entries.",
    changes: changesOf("the manifest says that more is covered than the table holds"),
    killer: [
      "tests/crash/crash-points.test.ts",
      "no crash, at whatever call, takes back what was acknowledged",
    ],
    says: /^crash before call/,
  },
  {
    name: "a checkpoint believes in an older state of the log",
    system: "SQLite",
    source: "https://www.sqlite.org/wal.html, “The WAL-reset bug”; fixed in 3.51.3, March 2026",
    story:
      "A checkpoint ends, a second begins at once, and a commit resets the log and writes from its start: then the second " +
      "checkpoint noted that part of the log was in the database already, which was true of the log before. In every release " +
      "from 3.7.0 on, through 100 % MC/DC. The same here: segments go by the floor that somebody has asked for, and not by " +
      "the one that is durable. The crash points of a truncation see it resolve before it holds.",
    changes: changesOf("segments are deleted before the floor is durable"),
    killer: ["tests/wal/crash-points.test.ts", 'in mode "none" a crash at any call of a truncation'],
    says: /resolved before it held/,
  },
  {
    name: "the tail of the log is never synced if nothing follows",
    system: "Redis",
    source: "https://github.com/redis/redis/pull/5985",
    story:
      "With `appendfsync everysec` a write that came less than a second after the last sync was written and not synced; and " +
      "if nothing followed, the next rounds found an empty buffer and never came to it. The same here: in mode “batch” no " +
      "sync is scheduled behind a group. After the delay the test takes the power away, and the record with it.",
    changes: [
      change(
        "wal/log-writer.ts",
        "        this.#options.listener.advanced();\n        this.#scheduleSync();\n",
        "        this.#options.listener.advanced();\n",
      ),
    ],
    killer: [
      "tests/faults/mutants/log-gaps.test.ts",
      "a record that was appended in mode batch is there after its delay",
    ],
    says: /toEqual/,
  },
  {
    name: "files from elsewhere are listed before they are synced",
    system: "RocksDB",
    source: "https://github.com/facebook/rocksdb/pull/5435",
    story:
      "Ingesting a file linked it into the database and listed it in the manifest: neither the file nor its directory was " +
      "synced, on the assumption that whoever made the file had done so. The same here: a backup copies a store's files " +
      "without syncing them, and gives the whole its name. The crash points of a copy find a backup that is not whole.",
    changes: changesOf("a copied file is not synced"),
    killer: ["tests/offline/copy-crash.test.ts", "a copy (copied) has its name only when it is whole"],
    says: /toEqual/,
  },
  {
    name: "two owners write to one file",
    system: "SQLite",
    source:
      "https://www.sqlite.org/howtocorrupt.html, “POSIX advisory locks canceled by a separate thread doing close()”",
    story:
      "A POSIX advisory lock is gone once any descriptor of the file is closed in the process, whoever opened it; two " +
      "connections then both take themselves for the owner. Holdfast's lock is of another kind, but within a process the " +
      "newer open takes over from the older, and that one must have ended. The same here: the older handle is not told. Its " +
      "test appends through both.",
    changes: changesOf("an older handle is not fenced"),
    killer: ["tests/wal/contract/contract.test.ts", "a log in memory has one owner in a process the newest"],
    says: /^resolved with/,
  },
];
