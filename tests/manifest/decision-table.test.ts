import { describe, expect, test } from "bun:test";
import { encodeEditHeader } from "../../src/manifest/edit-header.ts";
import { ManifestCorruptionError } from "../../src/manifest/errors.ts";
import { editHeaderBytes, fileHeaderBytes, formatVersion } from "../../src/manifest/format.ts";
import { openManifest } from "../../src/manifest/manifest.ts";
import { readManifest } from "../../src/manifest/read-manifest.ts";
import { crc32c } from "../../src/lib/crc32c.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import type { Fault } from "../../src/vfs/fault.ts";
import {
  describeState,
  diskWith,
  filesOf,
  manifestDirectory,
  rejectionOf,
  withBitFlipped,
  withFile,
  type Files,
} from "./manifest-fixture.ts";
import { firstName, writeManifest } from "./written-manifest.ts";

/** The rows of the table in src/manifest/read-manifest.ts, which src/manifest/README.md explains. */

const { files: written, bytes, places, states } = await writeManifest();
const seed = bytes.readUInt32BE(40);
const startOf = (index: number) => places.at(index)!.offset;
const endOf = (index: number) => startOf(index) + places.at(index)!.bytes;
const withBytes = (changed: Uint8Array) => withFile(written, firstName, changed);
const flipped = (offset: number) => withBytes(withBitFlipped(bytes, offset, 3));

/** An edit, or without payload a seal, with all its checksums right. */
function encoded(payload: Buffer, editNumber: number, offset: number, previousChecksum: number): Buffer {
  const header = Buffer.alloc(editHeaderBytes);
  const payloadChecksum = crc32c(payload);
  const fields = { payloadBytes: payload.length, payloadChecksum, editNumber, offset, previousChecksum };
  encodeEditHeader(header, fields, seed);
  return Buffer.concat([header, payload]);
}

/** The file with one edit's payload or header changed, and all checksums of that edit right again. */
function forged(
  index: number,
  change: { payload?: (payload: Buffer) => Buffer; editNumber?: number; previous?: number },
): Files {
  const at = startOf(index);
  const payload = Buffer.from(bytes.subarray(at + editHeaderBytes, endOf(index)));
  const { editNumber = places.at(index)!.editNumber, previous = bytes.readUInt32BE(at + 28) } = change;
  const changed = encoded(change.payload?.(payload) ?? payload, editNumber, at, previous);
  return withBytes(Buffer.concat([bytes.subarray(0, at), changed, bytes.subarray(endOf(index))]));
}

interface Row {
  readonly row: string;
  readonly found: string;
  readonly files: () => Files | Promise<Files>;
  readonly verdict: "none" | "clean" | "torn" | "corrupt";
  readonly says?: string;
  /** Where the damage or the torn edit is. */
  readonly at?: readonly [name: string, offset: number];
  readonly fault?: Fault;
  /** The last of the written edits that counts. */
  readonly lastEdit?: number;
}

const rows: Row[] = [
  { row: "A", found: "an empty directory", files: () => new Map(), verdict: "none" },
  {
    row: "A",
    found: "what a first start left unfinished",
    files: () => new Map([[`${firstName}.tmp`, Buffer.from("HOLD")]]),
    verdict: "none",
  },
  {
    row: "B",
    found: "a foreign file",
    files: () => withFile(written, "notes.txt", Buffer.from("x")),
    verdict: "corrupt",
    says: "no manifest has such a name",
    at: ["notes.txt", 0],
  },
  {
    row: "B",
    found: "a foreign file, and no manifest",
    files: () => new Map([["000000000001.wal", Buffer.from("x")]]),
    verdict: "corrupt",
    says: "no manifest has such a name",
    at: ["000000000001.wal", 0],
  },
  {
    row: "B, not",
    found: "a file of somebody else behind a dot",
    files: () => withFile(written, ".DS_Store", Buffer.from("x")),
    verdict: "clean",
  },
  {
    row: "C",
    found: "a directory that can't be listed",
    files: () => written,
    verdict: "corrupt",
    says: "it can't be read: EACCES",
    fault: { kind: "list", at: 1, sticky: true, error: "EACCES" },
    at: ["", 0],
  },
  {
    row: "C",
    found: "a manifest that can't be opened",
    files: () => written,
    verdict: "corrupt",
    says: "it can't be read: EACCES",
    fault: { kind: "openRead", at: 1, sticky: true, error: "EACCES" },
    at: [firstName, 0],
  },
  {
    row: "C",
    found: "a manifest that can't be read",
    files: () => written,
    verdict: "corrupt",
    says: "it can't be read: EIO",
    fault: { kind: "read", at: 1, sticky: true, error: "EIO" },
    at: [firstName, 0],
  },
  {
    row: "C",
    found: "a manifest of which less is read than it has",
    files: () => written,
    verdict: "corrupt",
    says: "it can't be read: only 0 of its",
    fault: { kind: "read", at: 1, sticky: true, bytes: 0 },
    at: [firstName, 0],
  },
  {
    row: "D",
    found: "no manifest, but an unfinished second one",
    files: () => new Map([["000000000002.manifest.tmp", Buffer.from("HOLD")]]),
    verdict: "corrupt",
    says: "it was to follow a manifest, and there is none",
    at: ["000000000002.manifest.tmp", 0],
  },
  {
    row: "E",
    found: "an empty manifest",
    files: () => withBytes(Buffer.alloc(0)),
    verdict: "corrupt",
    says: "fewer than a manifest's header of 44",
    at: [firstName, 0],
  },
  {
    row: "E",
    found: "a manifest of zeros, though an older one is whole",
    files: () => withFile(written, "000000000002.manifest", Buffer.alloc(600)),
    verdict: "corrupt",
    says: "it does not begin as a manifest does",
    at: ["000000000002.manifest", 0],
  },
  {
    row: "E",
    found: "a bad header",
    files: () => flipped(30),
    verdict: "corrupt",
    says: "the checksum of its header does not match",
    at: [firstName, 0],
  },
  {
    row: "E",
    found: "a format version of later times",
    files: () => {
      const later = Buffer.from(bytes);
      later.writeUInt32BE(formatVersion + 1, 8);
      later.writeUInt32BE(crc32c(later.subarray(0, 40)), 40);
      return withBytes(later);
    },
    verdict: "corrupt",
    says: "it has format version 3; this program reads versions 1 to 2",
    at: [firstName, 0],
  },
  {
    row: "E",
    found: "a number that is not the name's",
    files: () => withFile(written, "000000000007.manifest", bytes),
    verdict: "corrupt",
    says: "its header says manifest 1",
    at: ["000000000007.manifest", 0],
  },
  {
    row: "F",
    found: "a header without an edit",
    files: () => withBytes(bytes.subarray(0, fileHeaderBytes)),
    verdict: "corrupt",
    says: "the file ends 36 bytes before an edit's header does",
    at: [firstName, fileHeaderBytes],
  },
  {
    row: "F",
    found: "half of the first edit, and nothing behind it",
    files: () => withBytes(bytes.subarray(0, endOf(0) - 1)),
    verdict: "corrupt",
    says: "the file ends 1 bytes before its edit does",
    at: [firstName, fileHeaderBytes],
  },
  {
    row: "F",
    found: "a first edit that does not match its checksum, and nothing behind it",
    files: () => withBytes(withBitFlipped(bytes.subarray(0, endOf(0)), 200, 1)),
    verdict: "corrupt",
    says: "the checksum of an edit does not match",
    at: [firstName, fileHeaderBytes],
  },
  {
    row: "G",
    found: "a last edit that follows another one than that before it",
    files: () => forged(-1, { previous: 0x1234_5678 }),
    verdict: "corrupt",
    says: "the chain is broken",
    at: [firstName, startOf(-1)],
  },
  {
    row: "G",
    found: "a whole edit of the same length that followed another one",
    files: () => forged(2, { previous: bytes.readUInt32BE(startOf(1) + 32) }),
    verdict: "corrupt",
    says: "the chain is broken",
    at: [firstName, startOf(2)],
  },
  {
    row: "G",
    found: "an edit behind one that has no seal",
    files: () => {
      const at = endOf(-2);
      const payload = bytes.subarray(startOf(-1) + editHeaderBytes, endOf(-1));
      const last = encoded(payload, 4, at, bytes.readUInt32BE(startOf(-2) + 32));
      return withBytes(Buffer.concat([bytes.subarray(0, at), last]));
    },
    verdict: "corrupt",
    says: "edit 3 before it has no seal",
    at: [firstName, endOf(-2)],
  },
  {
    row: "G",
    found: "a second seal",
    files: () => {
      const seal = encoded(Buffer.alloc(0), 4, bytes.length, bytes.readUInt32BE(bytes.length - 4));
      return withBytes(Buffer.concat([bytes, seal]));
    },
    verdict: "corrupt",
    says: "it seals edit 4, which is not before it",
    at: [firstName, bytes.length],
  },
  {
    row: "G",
    found: "a seal of another edit",
    files: () => {
      const seal = encoded(Buffer.alloc(0), 3, endOf(-1), bytes.readUInt32BE(startOf(-1) + 32));
      return withBytes(Buffer.concat([bytes.subarray(0, endOf(-1)), seal]));
    },
    verdict: "corrupt",
    says: "it seals edit 3, which is not before it",
    at: [firstName, endOf(-1)],
  },
  {
    row: "G",
    found: "a seal where the first edit should be",
    files: () => {
      const seal = encoded(Buffer.alloc(0), 0, fileHeaderBytes, seed);
      return withBytes(Buffer.concat([bytes.subarray(0, fileHeaderBytes), seal]));
    },
    verdict: "corrupt",
    says: "malformed: it ends before its counts",
    at: [firstName, fileHeaderBytes],
  },
  {
    row: "G",
    found: "a last edit with another number than comes next",
    files: () => forged(-1, { editNumber: 9 }),
    verdict: "corrupt",
    says: "it is edit 9, behind edit 3",
    at: [firstName, startOf(-1)],
  },
  {
    row: "G",
    found: "a first edit with a number beyond 2^53",
    files: () => {
      const changed = Buffer.from(bytes);
      changed.writeUInt32BE(0xffff_ffff, fileHeaderBytes + 12);
      changed.writeUInt32BE(
        crc32c(changed.subarray(fileHeaderBytes, fileHeaderBytes + 32), seed),
        fileHeaderBytes + 32,
      );
      return withBytes(changed);
    },
    verdict: "corrupt",
    says: "behind edit 0",
    at: [firstName, fileHeaderBytes],
  },
  {
    row: "G",
    found: "a last edit with a byte too many",
    files: () => forged(-1, { payload: (payload) => Buffer.concat([payload, Buffer.alloc(1)]) }),
    verdict: "corrupt",
    says: "malformed: 1 bytes follow its last table",
    at: [firstName, startOf(-1)],
  },
  {
    row: "G",
    found: "a last edit that promises more tables than it has",
    files: () => forged(-1, { payload: (payload) => (payload.writeUInt32BE(0xffff_ffff, 32), payload) }),
    verdict: "corrupt",
    says: "malformed: it ends before the 4294967295 removed and 1 added tables",
    at: [firstName, startOf(-1)],
  },
  {
    row: "G",
    found: "a last edit that is whole and can't be",
    files: () => forged(-1, { payload: (payload) => (payload.writeUInt32BE(1, 4), payload) }),
    verdict: "corrupt",
    says: "its edit can't be: it covers seq 1, after the tables covered seq 33",
    at: [firstName, startOf(-1)],
  },
  {
    row: "H",
    found: "a bad header of an edit, with edits behind it",
    files: () => flipped(startOf(2) + 5),
    verdict: "corrupt",
    says: `and what begins at ${endOf(2)} was written only after everything before it had been synced`,
    at: [firstName, startOf(2)],
  },
  {
    row: "H",
    found: "a bad seal, with half of the next edit behind it",
    files: () => withBytes(withBitFlipped(bytes, endOf(-2) + 8, 0).subarray(0, startOf(-1) + 50)),
    verdict: "corrupt",
    says: `what begins at ${startOf(-1)} was written only after`,
    at: [firstName, endOf(-2)],
  },
  {
    row: "H",
    found: "a bad last edit, with its seal behind it",
    files: () => flipped(endOf(-1) - 1),
    verdict: "corrupt",
    says: `the checksum of an edit does not match, and what begins at ${endOf(-1)} was written only after`,
    at: [firstName, startOf(-1)],
  },
  {
    row: "I",
    found: "a bad header of a last edit without a seal",
    files: () => withBytes(withBitFlipped(bytes, startOf(-1) + 5, 1).subarray(0, endOf(-1))),
    verdict: "torn",
    says: "no edit's header is there, or its checksum does not match",
    at: [firstName, startOf(-1)],
    lastEdit: 3,
  },
  {
    row: "I",
    found: "a bad payload of a last edit without a seal",
    files: () => withBytes(withBitFlipped(bytes, endOf(-1) - 1, 1).subarray(0, endOf(-1))),
    verdict: "torn",
    says: "the checksum of an edit does not match",
    at: [firstName, startOf(-1)],
    lastEdit: 3,
  },
  {
    row: "I",
    found: "half of the last edit",
    files: () => withBytes(bytes.subarray(0, endOf(-1) - 7)),
    verdict: "torn",
    says: "the file ends 7 bytes before its edit does",
    at: [firstName, startOf(-1)],
    lastEdit: 3,
  },
  {
    row: "I",
    found: "a bad last seal",
    files: () => flipped(bytes.length - 1),
    verdict: "torn",
    says: "no edit's header is there, or its checksum does not match",
    at: [firstName, endOf(-1)],
  },
  {
    row: "I",
    found: "zeros behind the last seal",
    files: () => withBytes(Buffer.concat([bytes, Buffer.alloc(100)])),
    verdict: "torn",
    says: "no edit's header is there",
    at: [firstName, bytes.length],
  },
  {
    row: "I",
    found: "a copy of edits behind the last seal",
    files: () => withBytes(Buffer.concat([bytes, bytes.subarray(startOf(1), endOf(2))])),
    verdict: "torn",
    says: "no edit's header is there",
    at: [firstName, bytes.length],
  },
  {
    row: "J",
    found: "a last edit without a seal",
    files: () => withBytes(bytes.subarray(0, endOf(-1))),
    verdict: "clean",
  },
  { row: "J", found: "every byte accounted for", files: () => written, verdict: "clean" },
  {
    row: "J",
    found: "older manifests, whatever they hold, and an unfinished later one",
    files: async () => {
      const later = new Map([...written].map(([, content]) => ["000000000001.manifest", content] as const));
      const disk = await diskWith(later);
      (await openManifest(disk, manifestDirectory))!;
      const files = filesOf(disk);
      files.set("000000000001.manifest", Buffer.from("what is left of it"));
      return files.set("000000000003.manifest.tmp", Buffer.alloc(7));
    },
    verdict: "clean",
  },
];

describe("recovery decides", () => {
  test.each(rows)("row $row: $found is $verdict", async (row) => {
    const { verdict, says, at, fault, lastEdit = 4 } = row;
    const files = await row.files();
    const disk = await diskWith(files);
    const fileSystem = new FailingFileSystem(disk, { faults: fault === undefined ? [] : [fault] });
    if (verdict === "corrupt") {
      const error = await rejectionOf((async () => readManifest(fileSystem, manifestDirectory))());
      expect(error).toBeInstanceOf(ManifestCorruptionError);
      const [name, offset] = at!;
      const file = name === "" ? manifestDirectory : `${manifestDirectory}/${name}`;
      expect(error).toMatchObject({ code: "MANIFEST_CORRUPT", file, offset });
      expect(error.message).toContain(`${file} at offset ${offset}: `);
      expect(error.message).toContain(says!);
      const refused = await rejectionOf(openManifest(fileSystem, manifestDirectory));
      expect(refused.message).toBe(error.message);
      expect(filesOf(disk)).toEqual(files);
      expect(fileSystem.count({ kind: ["create", "open", "write", "rename", "unlink"] })).toBe(0);
      return;
    }
    const reading = readManifest(fileSystem, manifestDirectory);
    // Reading changes nothing, whatever it finds.
    expect(filesOf(disk)).toEqual(files);
    const manifest = await openManifest(fileSystem, manifestDirectory);
    if (verdict === "none") {
      expect([reading, manifest]).toEqual([undefined, undefined]);
      expect(filesOf(disk)).toEqual(files);
      return;
    }
    expect(describeState(reading?.state)).toBe(states[lastEdit]!);
    expect(describeState(manifest?.state)).toBe(states[lastEdit]!);
    expect(reading!.editNumber).toBe(lastEdit);
    expect(manifest!.torn).toEqual(reading!.torn);
    if (verdict === "torn") {
      const offset = at![1];
      const length = files.get(firstName)!.length - offset;
      expect(reading!.torn).toEqual({ offset, bytes: length, problem: expect.stringContaining(says!) });
      expect(reading!.bytes).toBe(offset);
    } else {
      expect(reading!.torn).toBeUndefined();
    }
    // What is left is one file, which says the same and has no tail.
    expect([...filesOf(disk).keys()].filter((name) => !name.startsWith("."))).toEqual([
      manifest!.file.slice(manifestDirectory.length + 1),
    ]);
    expect(readManifest(disk, manifestDirectory)).toMatchObject({
      editCount: 1,
      editNumber: lastEdit,
      torn: undefined,
    });
  });

  test("every row of the table has a test", () => {
    expect([...new Set(rows.map(({ row }) => row[0]))].sort().join("")).toBe("ABCDEFGHIJ");
  });
});

test("whoever looks at damage is shown every edit before it", async () => {
  const disk = await diskWith(flipped(startOf(2) + 5));
  const seen: number[] = [];
  const read = () => readManifest(disk, manifestDirectory, ({ editNumber }) => seen.push(editNumber));
  expect(read).toThrow(ManifestCorruptionError);
  expect(seen).toEqual([0, 1]);
});
