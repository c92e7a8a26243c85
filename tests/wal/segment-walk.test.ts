import { describe, expect, test } from "bun:test";
import { crc32c } from "../../src/lib/crc32c.ts";
import { groupHeaderBytes, recordType, segmentHeaderBytes } from "../../src/wal/format.ts";
import { encodeGroupHeader, saltSeed, type GroupHeader } from "../../src/wal/group-header.ts";
import { encodeRecordHeader } from "../../src/wal/record.ts";
import { encodeSegmentHeader, noPredecessor, type SegmentHeader } from "../../src/wal/segment-header.ts";
import { findWitness, walkSegment } from "../../src/wal/segment-walk.ts";

/**
 * Each test breaks one of the conditions under which a group is valid (README.md, "A group is valid if and only
 * if"), with checksums that are right again wherever a checksum is not the point.
 */
const header: SegmentHeader = {
  storeId: new Uint8Array(16).fill(1),
  number: 1,
  firstSeq: 1,
  floorSeq: 0,
  salt: new Uint8Array(8).fill(2),
  predecessor: noPredecessor,
};
const seed = saltSeed(header.salt);
const payloadBytes = 20;
const groupBytes = groupHeaderBytes + payloadBytes;
const startOf = (index: number) => segmentHeaderBytes + index * groupBytes;

/** A segment of four groups with one put each, of which the third is changed before its header is written. */
function segmentWith(change: (third: GroupHeader, payload: Buffer) => void) {
  const segment = Buffer.alloc(startOf(4));
  const headerChecksum = encodeSegmentHeader(segment, header);
  let previousChecksum = headerChecksum;
  for (let index = 0; index < 4; index++) {
    const payload = segment.subarray(startOf(index) + groupHeaderBytes, startOf(index + 1));
    encodeRecordHeader(payload, 0, recordType.put, 0, 2, payloadBytes - 10);
    payload.fill(0x61 + index, 8);
    const group: GroupHeader = {
      recordCount: 1,
      payloadBytes,
      payloadChecksum: crc32c(payload),
      offset: startOf(index),
      firstSeq: index + 1,
      floorSeq: 0,
      durableThrough: startOf(index),
      previousChecksum,
    };
    if (index === 2) change(group, payload);
    previousChecksum = encodeGroupHeader(segment, group, seed);
  }
  return { segment, walk: walkSegment(segment, header, headerChecksum) };
}

describe("a walk through a segment", () => {
  test("goes to the end when all is well", () => {
    const { segment, walk } = segmentWith(() => {});
    expect(walk).toMatchObject({
      end: segment.length,
      lastSeq: 4,
      floorSeq: 0,
      durableThrough: startOf(3),
      recordsEnd: segment.length,
      groupCount: 4,
      problem: undefined,
    });
  });

  test.each<[string, (third: GroupHeader, payload: Buffer) => void, string]>([
    ["(2) follows another group", (third) => (third.previousChecksum = 1), "the chain is broken"],
    ["(3) leaves a seq out", (third) => (third.firstSeq = 4), "begins with seq 4 where seq 3 comes next"],
    ["(3) repeats a seq", (third) => (third.firstSeq = 2), "begins with seq 2 where seq 3 comes next"],
    ["(3) has a floor above its last record", (third) => (third.floorSeq = 4), "its floor of 4"],
    ["(3) takes back what was synced", (third) => (third.durableThrough = 100), "about what was synced"],
    ["(4) reaches beyond the file", (third) => (third.payloadBytes = 200), "the file ends 104 bytes before"],
    ["(4) has another payload", (third) => (third.payloadChecksum = 1), "the checksum of its payload"],
    ["(5) counts more records than there are", (third) => (third.recordCount = 2), "no sequence of records"],
    [
      "(5) holds no records",
      (third, payload) => {
        payload.fill(0);
        third.payloadChecksum = crc32c(payload);
      },
      "no sequence of records",
    ],
  ])("ends before a group that %s", (_, change, problem) => {
    const { segment, walk } = segmentWith(change);
    expect(walk).toMatchObject({ end: startOf(2), lastSeq: 2, groupCount: 2 });
    expect(walk.problem).toContain(problem);
    // The group behind it says that the bad bytes were synced: no crash left them.
    expect(findWitness(segment, header, walk.end)).toMatchObject({
      offset: startOf(3),
      durableThrough: startOf(3),
    });
  });

  test("ends before a floor that goes back", () => {
    const segment = Buffer.alloc(segmentHeaderBytes + groupHeaderBytes);
    const withFloor = { ...header, firstSeq: 6, floorSeq: 5, predecessor: { ...noPredecessor, lastSeq: 5 } };
    const headerChecksum = encodeSegmentHeader(segment, withFloor);
    const seal: GroupHeader = {
      recordCount: 0,
      payloadBytes: 0,
      payloadChecksum: 0,
      offset: segmentHeaderBytes,
      firstSeq: 6,
      floorSeq: 4,
      durableThrough: segmentHeaderBytes,
      previousChecksum: headerChecksum,
    };
    encodeGroupHeader(segment, seal, seed);
    expect(walkSegment(segment, withFloor, headerChecksum).problem).toContain("its floor of 4");
    encodeGroupHeader(segment, { ...seal, floorSeq: 5 }, seed);
    expect(walkSegment(segment, withFloor, headerChecksum).problem).toBeUndefined();
  });

  test("ends where (1) the header is cut or changed, and says how much is missing", () => {
    const { segment } = segmentWith(() => {});
    const checksum = segment.readUInt32BE(92);
    const walkTo = (bytes: number) => walkSegment(segment.subarray(0, bytes), header, checksum);
    expect(walkTo(startOf(2) + 10)).toMatchObject({
      end: startOf(2),
      problem: "the file ends 46 bytes before a group's header does",
    });
    expect(walkTo(startOf(3) - 1)).toMatchObject({
      end: startOf(2),
      problem: "the file ends 1 bytes before the group does",
    });
    expect(walkTo(startOf(2))).toMatchObject({ end: startOf(2), problem: undefined });
    segment[startOf(2)]! ^= 1;
    expect(walkTo(segment.length).problem).toContain("no group's header is there");
  });
});

describe("a witness", () => {
  const { segment } = segmentWith(() => {});

  test("is a group behind the bad bytes that says that they were synced", () => {
    expect(findWitness(segment, header, startOf(1))?.offset).toBe(startOf(2));
    expect(findWitness(segment, header, startOf(2))?.offset).toBe(startOf(3));
  });

  test("is not the group at the bad bytes, nor one that vouches only for what lies before them", () => {
    expect(findWitness(segment, header, startOf(3))).toBeUndefined();
    const unsynced = segmentWith((third) => (third.durableThrough = startOf(1)));
    const third = unsynced.segment.subarray(0, startOf(3));
    expect(findWitness(third, header, startOf(1))).toBeUndefined();
    expect(findWitness(third, header, startOf(0))?.offset).toBe(startOf(1));
  });

  test("is found though its own payload is gone", () => {
    expect(findWitness(segment.subarray(0, startOf(3) + groupHeaderBytes), header, startOf(2))?.offset).toBe(
      startOf(3),
    );
  });

  test("is no copy of a group elsewhere in the segment, in a value or behind it, nor a group of another segment", () => {
    const group = segment.subarray(startOf(3), startOf(4));
    const shifted = Buffer.concat([segment.subarray(0, startOf(3) + 1), group]);
    expect(findWitness(shifted, header, startOf(2))).toBeUndefined();
    const otherSalt = { ...header, salt: new Uint8Array(8).fill(3) };
    expect(findWitness(segment, otherSalt, startOf(1))).toBeUndefined();
  });
});
