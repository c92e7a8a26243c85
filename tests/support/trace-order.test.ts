import { describe, expect, test } from "bun:test";
import { pack } from "msgpackr";
import { encodeGroupHeader, saltSeed } from "../../src/wal/group-header.ts";
import { encodeSegmentHeader, noPredecessor } from "../../src/wal/segment-header.ts";
import { judgeTrace } from "./trace-order.ts";

/**
 * The judge of traces on traces that are written by hand, each breaking the promise in one way: what it does not
 * find here it would not find in a server.
 */
const salt = Buffer.alloc(8, 7);
const segment = Buffer.alloc(4096);
const header = {
  storeId: Buffer.alloc(16),
  number: 1,
  firstSeq: 1,
  floorSeq: 0,
  salt,
  predecessor: noPredecessor,
};
const groupBytes = 56 + 20;

/** Two groups of one record each, behind the header. */
[1, 2].reduce(
  (previousChecksum, firstSeq) => {
    const offset = 96 + (firstSeq - 1) * groupBytes;
    const group = { recordCount: 1, payloadBytes: 20, payloadChecksum: 0, offset, firstSeq, floorSeq: 0 };
    return encodeGroupHeader(segment, { ...group, durableThrough: offset, previousChecksum }, saltSeed(salt));
  },
  encodeSegmentHeader(segment, header),
);

const hex = (bytes: Uint8Array | string) =>
  [...Buffer.from(bytes)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
const path = (name: string) => `5<${hex(name)}>`;
const directory = "/data/wal";
const temporary = `${directory}/000000000001.wal.tmp`;
const final = `${directory}/000000000001.wal`;
const sync = (name: string) => `11 fdatasync(${path(name)}) = 0`;
const syncDirectory = (name = directory) => `11 fsync(${path(name)}) = 0`;

function write(start: number, end: number, result = end - start, name = final): string {
  return `10 pwrite64(${path(name)}, "${hex(segment.subarray(start, end))}", ${end - start}, ${start}) = ${result}`;
}
const writeGroup = (seq: number) => write(96 + (seq - 1) * groupBytes, 96 + seq * groupBytes);

function frame(...message: unknown[]): Buffer {
  const payload = pack(message);
  const bytes = Buffer.alloc(4 + payload.length);
  bytes.writeUInt32BE(payload.length);
  bytes.set(payload, 4);
  return bytes;
}
function send(bytes: Buffer, result = bytes.length): string {
  return `10 sendto(9<${hex("socket:[77]")}>, "${hex(bytes)}", ${bytes.length}, MSG_DONTWAIT, NULL, 0) = ${result}`;
}
const ack = (version: number) => send(frame(version, 0, version));

/** A first boot as it should be. */
const boot = [
  `10 mkdir("${hex(directory)}", 0700) = 0`,
  syncDirectory("/data"),
  `10 openat(AT_FDCWD</>, "${hex(temporary)}", O_RDWR|O_CREAT|O_EXCL, 0600) = 5<${hex(temporary)}>`,
  write(0, 96, 96, temporary),
  `11 fsync(${path(temporary)}) = 0`,
  `10 rename("${hex(temporary)}", "${hex(final)}") = 0`,
  syncDirectory(),
];
const without = (line: string) => boot.filter((other) => other !== line);
const half = 96 + 30;

interface Case {
  name: string;
  lines: string[];
  /** What the first violation says; undefined: there is none. */
  finds?: RegExp;
  acknowledged?: number[];
}

const cases: Case[] = [
  {
    name: "acks after their syncs pass",
    lines: [...boot, writeGroup(1), sync(final), ack(1), writeGroup(2), sync(final), ack(2)],
    acknowledged: [1, 2],
  },
  {
    name: "an ack before the sync is found",
    lines: [...boot, writeGroup(1), ack(1), sync(final)],
    finds: /the ack of version 1 leaves on socket:\[77\] while only seq 0/,
  },
  {
    name: "an ack before the write is found",
    lines: [...boot, ack(1), writeGroup(1), sync(final)],
    finds: /the ack of version 1/,
  },
  {
    name: "an ack without any sync is found",
    lines: [...boot, writeGroup(1), ack(1)],
    finds: /the ack of version 1/,
  },
  {
    name: "an ack while the sync runs is found",
    lines: [
      ...boot,
      writeGroup(1),
      `11 fdatasync(${path(final)} <unfinished ...>`,
      ack(1),
      "11 <... fdatasync resumed>) = 0",
    ],
    finds: /the ack of version 1/,
  },
  {
    name: "an ack after a sync that began before the write returned is found",
    lines: [
      ...boot,
      `10 pwrite64(${path(final)}, "${hex(segment.subarray(96, 172))}", 76, 96 <unfinished ...>`,
      `11 fdatasync(${path(final)} <unfinished ...>`,
      "10 <... pwrite64 resumed>) = 76",
      "11 <... fdatasync resumed>) = 0",
      ack(1),
    ],
    finds: /the ack of version 1/,
  },
  {
    name: "an ack after a sync that ran beside others' calls passes",
    lines: [
      ...boot,
      writeGroup(1),
      `11 fdatasync(${path(final)} <unfinished ...>`,
      writeGroup(2),
      "11 <... fdatasync resumed>) = 0",
      ack(1),
    ],
    acknowledged: [1],
  },
  {
    name: "an ack of what was written while the sync ran is found",
    lines: [
      ...boot,
      writeGroup(1),
      `11 fdatasync(${path(final)} <unfinished ...>`,
      writeGroup(2),
      "11 <... fdatasync resumed>) = 0",
      ack(2),
    ],
    finds: /the ack of version 2 leaves .* only seq 1/,
  },
  {
    name: "an ack after a failed sync is found",
    lines: [
      ...boot,
      writeGroup(1),
      `11 fdatasync(${path(final)}) = -1 EIO (Input/output error) (INJECTED)`,
      ack(1),
    ],
    finds: /the ack of version 1/,
  },
  {
    name: "an ack after a failed sync that was tried again is found",
    lines: [
      ...boot,
      writeGroup(1),
      `11 fdatasync(${path(final)}) = -1 EIO (Input/output error)`,
      sync(final),
      ack(1),
    ],
    finds: /the ack of version 1/,
  },
  {
    name: "an ack after a failed sync, another write of the same bytes, and a sync passes",
    lines: [
      ...boot,
      writeGroup(1),
      `11 fdatasync(${path(final)}) = -1 EIO (Input/output error)`,
      writeGroup(1),
      sync(final),
      ack(1),
    ],
    acknowledged: [1],
  },
  {
    name: "an ack after the sync of another file is found",
    lines: [...boot, writeGroup(1), sync(`${directory}/LOCK`), ack(1)],
    finds: /the ack of version 1/,
  },
  {
    name: "an ack of a group that was written in part is found",
    lines: [...boot, write(96, 96 + groupBytes, 30), sync(final), ack(1)],
    finds: /the ack of version 1/,
  },
  {
    name: "an ack of a group that took two writes passes",
    lines: [...boot, write(96, 96 + groupBytes, 30), write(half, 96 + groupBytes), sync(final), ack(1)],
    acknowledged: [1],
  },
  {
    name: "an ack whose first bytes leave before the sync, and whose last after it, is found",
    lines: [
      ...boot,
      writeGroup(1),
      send(frame(1, 0, 1).subarray(0, 3)),
      sync(final),
      send(frame(1, 0, 1).subarray(3)),
    ],
    finds: /the ack of version 1/,
  },
  {
    name: "an ack that the socket took in two parts, both after the sync, passes",
    lines: [...boot, writeGroup(1), sync(final), send(frame(1, 0, 1), 3), send(frame(1, 0, 1).subarray(3))],
    acknowledged: [1],
  },
  {
    name: "a missing sync of the segment's directory is found",
    lines: [...without(syncDirectory()), writeGroup(1), sync(final), ack(1)],
    finds: /the ack of version 1/,
  },
  {
    name: "a missing sync of the parent of a new directory is found",
    lines: [...without(syncDirectory("/data")), writeGroup(1), sync(final), ack(1)],
    finds: /the ack of version 1/,
  },
  {
    name: "a directory that was synced before the rename is found",
    lines: [...boot.slice(0, 5), syncDirectory(), boot[5]!, writeGroup(1), sync(final), ack(1)],
    finds: /the ack of version 1/,
  },
  {
    name: "a rename of a file that was not synced is found",
    lines: without(boot[4]!),
    finds: /is renamed to .* before its bytes were synced/,
  },
  {
    name: "bytes that replaced synced ones must be synced again",
    lines: [
      ...boot,
      writeGroup(1),
      sync(final),
      `10 ftruncate(${path(final)}, 96) = 0`,
      writeGroup(1),
      writeGroup(2),
      ack(2),
    ],
    finds: /the ack of version 2/,
  },
  {
    name: "a value that shows too much is found",
    lines: [...boot, writeGroup(1), send(frame(3, 0, 1, Buffer.from("value")))],
    finds: /a read of version 1/,
  },
  {
    name: "a page of a scan that shows too much is found",
    lines: [...boot, writeGroup(1), send(frame(3, 0, [Buffer.from("k"), 1, Buffer.from("v")], false))],
    finds: /a read of version 1/,
  },
  {
    name: "a page of a getMany that shows too much is found",
    lines: [...boot, writeGroup(1), send(frame(3, 0, [0, null, 1, Buffer.from("v")], false))],
    finds: /a read of version 1/,
  },
  {
    name: "a page that opens a snapshot and shows too much is found",
    lines: [
      ...boot,
      writeGroup(1),
      send(frame(3, 0, [Buffer.from("k"), 1, Buffer.from("v")], true, 1234567)),
    ],
    finds: /a read of version 1/,
  },
  {
    name: "a snapshot of what is not durable is found",
    lines: [...boot, writeGroup(1), send(frame(3, 0, 2 ** 50, 1, 30_000))],
    finds: /a read of version 1/,
  },
  {
    name: "a conflict that shows too much is found",
    lines: [...boot, writeGroup(1), send(frame(3, 6, "Cannot put", 0, 1, 0))],
    finds: /a read of version 1/,
  },
  {
    name: "pongs, absences and what is no response show nothing",
    lines: [
      ...boot,
      send(frame(1, 0)),
      send(frame(2, 0, 0, null)),
      `10 sendto(1<${hex("socket:[5]")}>, "${hex('{"level":"info"}\n')}", 17, 0, NULL, 0) = 17`,
    ],
    acknowledged: [],
  },
  {
    name: "a restart that shows what the boot before wrote, but never synced, is found",
    lines: [
      ...boot,
      writeGroup(1),
      sync(final),
      writeGroup(2),
      `11 fdatasync(${path(final)} <unfinished ...>`,
      "11 <... fdatasync resumed>) = ?",
      "11 +++ killed by SIGKILL +++",
      "10 +++ killed by SIGKILL +++",
      send(frame(1, 0, 2, Buffer.from("value"))),
    ],
    finds: /a read of version 2 leaves .* only seq 1/,
  },
  {
    name: "a restart that syncs before it shows passes",
    lines: [
      ...boot,
      writeGroup(1),
      "10 +++ killed by SIGKILL +++",
      write(96, 172),
      sync(final),
      send(frame(1, 0, 1, Buffer.from("value"))),
    ],
    acknowledged: [],
  },
];

describe("judging a trace", () => {
  for (const { name, lines, finds, acknowledged } of cases) {
    test(name, () => {
      const judgement = judgeTrace(lines.join("\n"));
      if (finds === undefined) expect(judgement.violations).toEqual([]);
      else expect(judgement.violations[0]?.detail ?? "nothing was found").toMatch(finds);
      if (acknowledged !== undefined) expect(judgement.acknowledged).toEqual(acknowledged);
    });
  }
});
