import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { crc32c } from "../../src/lib/crc32c.ts";
import { segmentHeaderBytes } from "../../src/wal/format.ts";
import {
  decodeGroupHeader,
  encodeGroupHeader,
  saltSeed,
  type GroupHeader,
} from "../../src/wal/group-header.ts";
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  type SegmentHeader,
} from "../../src/wal/segment-header.ts";
import { bytesOf, check, seq, uint32 } from "./property.ts";

const segmentHeader: fc.Arbitrary<SegmentHeader> = fc
  .record({
    storeId: bytesOf(16),
    floorSeq: seq,
    salt: bytesOf(8),
    number: seq,
    lastSeq: seq,
    bytes: seq,
    lastChecksum: uint32,
  })
  .map(({ storeId, floorSeq, salt, number, lastSeq, bytes, lastChecksum }) => ({
    storeId,
    number: number + 1,
    firstSeq: lastSeq + 1,
    floorSeq,
    salt,
    predecessor: { number, lastSeq, bytes, lastChecksum },
  }));

describe("a segment's header", () => {
  test("comes back as it went in", () => {
    check(
      fc.property(segmentHeader, (header) => {
        const target = Buffer.alloc(segmentHeaderBytes);
        const checksum = encodeSegmentHeader(target, header);
        expect(decodeSegmentHeader(target)).toEqual({ header, checksum });
      }),
    );
  });

  test("with any one byte changed is none, and no byte is outside its checksum", () => {
    check(
      fc.property(
        segmentHeader,
        fc.nat(segmentHeaderBytes - 1),
        fc.integer({ min: 1, max: 255 }),
        (header, at, change) => {
          const target = Buffer.alloc(segmentHeaderBytes);
          encodeSegmentHeader(target, header);
          target[at]! ^= change;
          expect(decodeSegmentHeader(target)).toHaveProperty("problem");
        },
      ),
    );
  });

  test("says what is wrong with it", () => {
    const header: SegmentHeader = {
      storeId: new Uint8Array(16),
      number: 1,
      firstSeq: 1,
      floorSeq: 0,
      salt: new Uint8Array(8),
      predecessor: { number: 0, lastSeq: 0, bytes: 0, lastChecksum: 0 },
    };
    const target = Buffer.alloc(segmentHeaderBytes);
    encodeSegmentHeader(target, header);
    const problemOf = (change: (bytes: Buffer) => void, withChecksum = true) => {
      const changed = Buffer.from(target);
      change(changed);
      if (withChecksum) changed.writeUInt32BE(crc32c(changed.subarray(0, 92)), 92);
      const decoded = decodeSegmentHeader(changed);
      return "problem" in decoded ? decoded.problem : "none";
    };
    expect(decodeSegmentHeader(target.subarray(0, 95))).toEqual({
      problem: "it has 95 bytes, fewer than a segment's header of 96",
    });
    expect(problemOf((changed) => changed.fill(0))).toBe("it does not begin as a segment does");
    expect(problemOf((changed) => changed.fill(1, 56, 64), false)).toBe(
      "the checksum of its header does not match",
    );
    expect(problemOf((changed) => changed.writeUInt32BE(2, 8))).toBe(
      "it has format version 2; this program reads version 1",
    );
    expect(problemOf((changed) => changed.writeUInt32BE(1, 12))).toBe("its reserved bytes are not zero");
    expect(problemOf((changed) => changed.writeUInt32BE(2, 36))).toContain("contradicts itself");
    expect(problemOf((changed) => changed.writeUInt32BE(2, 44))).toContain("contradicts itself");
  });
});

const groupHeader: fc.Arbitrary<GroupHeader> = fc
  .record({
    recordCount: fc.integer({ min: 1, max: 0xffff_ffff }),
    payloadBytes: fc.integer({ min: 1, max: 0xffff_ffff }),
    payloadChecksum: uint32,
    offset: fc.nat(200),
    firstSeq: seq,
    floorSeq: seq,
    durableShare: fc.double({ min: 0, max: 1, noNaN: true }),
    previousChecksum: uint32,
    isSeal: fc.boolean(),
  })
  .map(({ durableShare, isSeal, ...header }) => ({
    ...header,
    ...(isSeal ? { recordCount: 0, payloadBytes: 0 } : {}),
    durableThrough: Math.floor(durableShare * header.offset),
  }));

describe("a group's header", () => {
  test("comes back as it went in, where it was written and from that salt only", () => {
    check(
      fc.property(groupHeader, bytesOf(8), bytesOf(8), (header, salt, otherSalt) => {
        const segment = Buffer.alloc(400);
        encodeGroupHeader(segment, header, saltSeed(salt));
        expect(decodeGroupHeader(segment, header.offset, saltSeed(salt))).toEqual(header);
        const moved = Buffer.concat([Buffer.alloc(1), segment]);
        expect(decodeGroupHeader(moved, header.offset + 1, saltSeed(salt))).toBeUndefined();
        fc.pre(!Buffer.from(salt).equals(otherSalt));
        expect(decodeGroupHeader(segment, header.offset, saltSeed(otherSalt))).toBeUndefined();
      }),
    );
  });

  test("with any one byte changed, or cut anywhere, is none", () => {
    check(
      fc.property(
        groupHeader,
        bytesOf(8),
        fc.nat(55),
        fc.integer({ min: 1, max: 255 }),
        (header, salt, at, change) => {
          const segment = Buffer.alloc(400);
          encodeGroupHeader(segment, header, saltSeed(salt));
          const cut = segment.subarray(0, header.offset + at);
          expect(decodeGroupHeader(cut, header.offset, saltSeed(salt))).toBeUndefined();
          segment[header.offset + at]! ^= change;
          expect(decodeGroupHeader(segment, header.offset, saltSeed(salt))).toBeUndefined();
        },
      ),
    );
  });

  test("says how its bytes lie: these values are on people's disks", () => {
    const segment = Buffer.alloc(0x60 + 56);
    const header: GroupHeader = {
      recordCount: 0x01020304,
      payloadBytes: 0x05060708,
      payloadChecksum: 0x090a0b0c,
      offset: 0x60,
      firstSeq: 0x11121314151617,
      floorSeq: 0x18191a,
      durableThrough: 0x60,
      previousChecksum: 0x1b1c1d1e,
    };
    encodeGroupHeader(segment, header, saltSeed(Buffer.from("8 bytes.")));
    const words = segment.toString("hex", 0x60, 0x60 + 52).match(/.{8}/g)!;
    expect(words.slice(0, 4).join(" ")).toBe("f5484647 01020304 05060708 090a0b0c");
    expect(words.slice(4, 8).join(" ")).toBe("00000000 00000060 00111213 14151617");
    expect(words.slice(8).join(" ")).toBe("00000000 0018191a 00000000 00000060 1b1c1d1e");
  });
});
