import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { crc32c } from "../../src/lib/crc32c.ts";
import {
  decodeEditHeader,
  encodeEditHeader,
  findWitness,
  type EditHeader,
} from "../../src/manifest/edit-header.ts";
import { decodeEditPayload, encodeEditPayload } from "../../src/manifest/edit-payload.ts";
import { decodeFileHeader, encodeFileHeader, type FileHeader } from "../../src/manifest/file-header.ts";
import {
  addedTableBytes,
  editHeaderBytes,
  editNumbersBytes,
  fileHeaderBytes,
  fileNumberMax,
  formatVersion,
  removedTableBytes,
} from "../../src/manifest/format.ts";
import type { ManifestEdit, TableEntry } from "../../src/manifest/manifest-state.ts";
import { bytesOf, check, seq, uint32 } from "../wal/property.ts";

const change = fc.integer({ min: 1, max: 255 });

const fileHeader: fc.Arbitrary<FileHeader> = fc.record({
  storeId: bytesOf(16),
  hashSeed: uint32,
  number: fc.integer({ min: 1, max: fileNumberMax }),
});

function encodedFileHeader(header: FileHeader): { target: Buffer; checksum: number } {
  const target = Buffer.alloc(fileHeaderBytes);
  return { target, checksum: encodeFileHeader(target, header) };
}

describe("a manifest's header", () => {
  test("comes back as it went in", () => {
    check(
      fc.property(fileHeader, (header) => {
        const { target, checksum } = encodedFileHeader(header);
        expect(decodeFileHeader(target)).toEqual({ header, version: formatVersion, checksum });
      }),
    );
  });

  test("with any one byte changed is none, and no byte is outside its checksum", () => {
    check(
      fc.property(fileHeader, fc.nat(fileHeaderBytes - 1), change, (header, at, by) => {
        const { target } = encodedFileHeader(header);
        target[at]! ^= by;
        expect(decodeFileHeader(target)).toHaveProperty("problem");
      }),
    );
  });

  test("has a checksum of its own for each store, each secret and each number", () => {
    const header = { storeId: new Uint8Array(16), hashSeed: 1, number: 1 };
    const others = [
      { ...header, storeId: new Uint8Array(16).fill(1) },
      { ...header, hashSeed: 2 },
      { ...header, number: 2 },
    ];
    const checksums = [header, ...others].map((each) => encodedFileHeader(each).checksum);
    expect(new Set(checksums).size).toBe(4);
  });
});

/** An edit's header at some place of a file, with bytes before and behind it. */
const placed = fc
  .record({
    payloadBytes: uint32,
    payloadChecksum: uint32,
    editNumber: seq,
    offset: fc.integer({ min: fileHeaderBytes, max: 200 }),
    previousChecksum: uint32,
    seed: uint32,
    behind: fc.nat(50),
  })
  .map(({ seed, behind, ...header }) => {
    const file = Buffer.alloc(header.offset + editHeaderBytes + behind, 0xee);
    encodeEditHeader(file.subarray(header.offset), header, seed);
    return { header: header as EditHeader, file, seed };
  });

describe("an edit's header", () => {
  test("comes back as it went in, where it was written and nowhere else", () => {
    check(
      fc.property(placed, fc.integer({ min: 1, max: fileHeaderBytes }), ({ header, file, seed }, by) => {
        expect(decodeEditHeader(file, header.offset, seed)).toEqual(header);
        expect(
          decodeEditHeader(Buffer.concat([Buffer.alloc(by), file]), header.offset + by, seed),
        ).toBeUndefined();
        expect(decodeEditHeader(file.subarray(by), header.offset - by, seed)).toBeUndefined();
      }),
    );
  });

  test("with any one byte changed is none, and neither is one of another file", () => {
    check(
      fc.property(placed, fc.nat(editHeaderBytes - 1), change, ({ header, file, seed }, at, by) => {
        expect(decodeEditHeader(file, header.offset, (seed + by) >>> 0)).toBeUndefined();
        file[header.offset + at]! ^= by;
        expect(decodeEditHeader(file, header.offset, seed)).toBeUndefined();
      }),
    );
  });

  test("is found behind damage, wherever that is", () => {
    check(
      fc.property(placed, fc.nat(), ({ header, file, seed }, place) => {
        expect(findWitness(file, place % header.offset, seed)).toEqual(header);
        expect(findWitness(file, header.offset, seed)).toBeUndefined();
      }),
    );
  });

  test("is found behind bytes that begin like one", () => {
    const file = Buffer.alloc(200);
    for (const at of [50, 54, 58, 90]) file.writeUInt32BE(0xf5_48_4d_46, at);
    const header = { payloadBytes: 0, payloadChecksum: 0, editNumber: 7, offset: 100, previousChecksum: 9 };
    encodeEditHeader(file.subarray(100), header, 1);
    expect(findWitness(file, 44, 1)).toEqual(header);
  });
});

const key = fc.uint8Array({ minLength: 0, maxLength: 40 });
const added: fc.Arbitrary<TableEntry> = fc.record({
  number: seq,
  level: fc.nat(255),
  bytes: seq,
  entryCount: seq,
  tombstoneCount: seq,
  keyBytes: seq,
  valueBytes: seq,
  versionMin: seq,
  versionMax: seq,
  firstKey: key,
  lastKey: key,
  fileChecksum: uint32,
});
const someEdit: fc.Arbitrary<ManifestEdit> = fc.record({
  coveredSeq: seq,
  nextTableNumber: seq,
  segmentNumber: seq,
  durableSeq: seq,
  removed: fc.array(seq, { maxLength: 5 }),
  added: fc.array(added, { maxLength: 5 }),
});

function encodedPayload(edit: ManifestEdit): Buffer {
  const writer = new ByteWriter(16);
  encodeEditPayload(writer, edit);
  return Buffer.from(writer.bytes.subarray(0, writer.length));
}

describe("an edit's payload", () => {
  test("comes back as it went in, and has the size that the format says", () => {
    check(
      fc.property(someEdit, (edit) => {
        const payload = encodedPayload(edit);
        expect(decodeEditPayload(payload)).toEqual({ edit });
        const keysBytes = edit.added.reduce(
          (sum, table) => sum + table.firstKey.length + table.lastKey.length,
          0,
        );
        const { removed, added: tables } = edit;
        expect(payload.length).toBe(
          editNumbersBytes + removed.length * removedTableBytes + tables.length * addedTableBytes + keysBytes,
        );
      }),
    );
  });

  test("keeps keys of the greatest length", () => {
    const firstKey = new Uint8Array(65_535).fill(1);
    const lastKey = new Uint8Array(65_535).fill(2);
    const [table] = fc.sample(added, 1);
    const edit = {
      added: [{ ...table!, firstKey, lastKey }],
      removed: [],
      coveredSeq: 1,
      nextTableNumber: 1,
      segmentNumber: 1,
      durableSeq: 1,
    };
    expect(decodeEditPayload(encodedPayload(edit))).toEqual({ edit });
  });

  test("that is cut, or longer than it says, is malformed", () => {
    check(
      fc.property(someEdit, fc.nat(), (edit, at) => {
        const payload = encodedPayload(edit);
        expect(decodeEditPayload(payload.subarray(0, at % payload.length))).toHaveProperty("problem");
        expect(decodeEditPayload(Buffer.concat([payload, Buffer.alloc(1)]))).toHaveProperty("problem");
      }),
    );
  });

  test("of any bytes is an edit or a problem, and reads nothing beyond its end", () => {
    const someBytes = fc.uint8Array({ minLength: 0, maxLength: 300 });
    const counts = fc.tuple(fc.nat(4), fc.nat(4));
    check(
      fc.property(someBytes, counts, (bytes, [removedCount, addedCount]) => {
        const payload = Buffer.from(bytes);
        if (payload.length >= editNumbersBytes) {
          payload.writeUInt32BE(removedCount, 24);
          payload.writeUInt32BE(addedCount, 28);
        }
        const decoded = decodeEditPayload(payload);
        if ("edit" in decoded) expect(encodedPayload(decoded.edit)).toEqual(payload);
      }),
    );
  });
});

test("the checksum that a seal holds is that of no bytes", () => {
  expect(crc32c(new Uint8Array(0))).toBe(0);
});
