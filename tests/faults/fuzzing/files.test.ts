import { expect, test } from "bun:test";
import { encodeGroupHeader, saltSeed } from "../../../src/wal/group-header.ts";
import { crc32c } from "../../../src/lib/crc32c.ts";
import { withSeed } from "../../support/seeds.ts";
import { writeGolden as writeGoldenManifest } from "../../manifest/golden-manifests.ts";
import { writeGolden } from "../../wal/golden-logs.ts";
import { CostMeter, inputMsMax } from "./cost.ts";
import { FileJudge } from "./file-judge.ts";
import { FileMaker } from "./file-maker.ts";
import { mendManifest } from "./manifest-shape.ts";
import { fileKinds, judgeFile, runFiles } from "./file-rounds.ts";

test("4,500 files are read as naive readers read them, and every verdict occurs", () =>
  withSeed(async (_, seed) => {
    const costs = new CostMeter();
    const { files, outcomes } = await runFiles(seed, 4_500, costs, 40);
    expect(files).toBe(4_500);
    expect([...outcomes.keys()].sort()).toEqual([
      "log clean",
      "log corrupt",
      "log torn",
      "manifest accepted",
      "manifest refused",
      "table accepted",
      "table refused",
    ]);
    for (const [outcome, count] of outcomes)
      expect({ outcome, isRare: count < 30 }).toEqual({ outcome, isRare: false });
    expect(costs.slowestMs).toBeGreaterThan(0);
    expect(costs.slowestMs).toBeLessThan(inputMsMax);
  }));

test("a seed gives the same files each time", () =>
  withSeed(async (_, seed) => {
    const outcomes = async () => [...(await runFiles(seed, 1_000, new CostMeter(), 10)).outcomes];
    expect(await outcomes()).toEqual(await outcomes());
  }));

test("most files get behind the checksums: the refusals are of very many kinds", () =>
  withSeed(async (_, seed) => {
    const maker = await FileMaker.begin(seed, 40);
    const judge = new FileJudge();
    const refusals = new Map(fileKinds.map((kind) => [kind, new Set<string>()]));
    let ofChecksums = 0;
    for (let index = 0; index < 3_000; index++) {
      const kind = fileKinds[index % fileKinds.length]!;
      judgeFile(judge, kind, maker[kind]());
      if (/checksum of|ends as|begin as/.test(judge.lastRow)) ofChecksums++;
      refusals.get(kind)!.add(judge.lastRow.replace(/\d+/g, "#"));
    }
    expect(ofChecksums).toBeLessThan(3_000 / 2);
    expect(refusals.get("log")!.size).toBeGreaterThan(25);
    expect(refusals.get("manifest")!.size).toBeGreaterThan(25);
    expect(refusals.get("table")!.size).toBeGreaterThan(30);
  }));

const [name, golden] = [...(await writeGolden("expiry-and-session"))][0]!;
const expiryAt = 96 + 56 + 8;

/** With every checksum right: what a writer with a bug, or another program, would leave. */
function withExpiry(expiry: bigint): Map<string, Buffer> {
  const bytes = Buffer.from(golden);
  bytes.writeBigUInt64BE(expiry, expiryAt);
  const payload = bytes.subarray(96 + 56, 96 + 56 + bytes.readUInt32BE(104));
  const header = {
    recordCount: bytes.readUInt32BE(100),
    payloadBytes: payload.length,
    payloadChecksum: crc32c(payload),
    offset: 96,
    firstSeq: 1,
    floorSeq: 0,
    durableThrough: 96,
    previousChecksum: bytes.readUInt32BE(92),
  };
  encodeGroupHeader(bytes, header, saltSeed(bytes.subarray(56, 64)));
  return new Map([[name, bytes.subarray(0, 96 + 56 + payload.length)]]);
}

test("a record whose expiry is beyond 2^53 - 1 is no record: it was read as another number", () => {
  const judge = new FileJudge();
  expect(judge.log(withExpiry(2n ** 53n - 1n))).toBe("clean");
  expect(judge.log(withExpiry(2n ** 53n))).toBe("torn");
  expect(judge.log(withExpiry(2n ** 64n - 1n))).toBe("torn");
});

const twoEdits = [...(await writeGoldenManifest("nothing-but-progress")).values()][0]!;
/** Of the two edits and the seal. */
const editNumbers: readonly (readonly [at: number, above: bigint])[] = [
  [44 + 12, 0n],
  [44 + 36 + 40 + 12, 1n],
  [44 + 2 * (36 + 40) + 12, 1n],
];

/** The first edit has the number 2^53 - 1, and there is none after it. */
test("a manifest's edit whose number is beyond 2^53 - 1 can't follow", () => {
  const judge = new FileJudge();
  const bytes = Buffer.from(twoEdits);
  for (const [at, number] of editNumbers) bytes.writeBigUInt64BE(2n ** 53n - 1n + number, at);
  mendManifest(bytes, { uint32: () => 0xffff_ffff });
  expect(judge.manifest(Buffer.from(twoEdits))).toBe("accepted");
  expect(judge.manifest(bytes)).toBe("refused");
  expect(judge.lastRow).toContain("it is edit 9007199254740992");
});

test("a segment whose header holds a number beyond 2^53 - 1 is corrupt", () => {
  const judge = new FileJudge();
  const withFloor = (floor: bigint) => {
    const bytes = Buffer.from(golden.subarray(0, 96));
    bytes.writeBigUInt64BE(floor, 48);
    bytes.writeUInt32BE(crc32c(bytes.subarray(0, 92)), 92);
    return new Map([[name, bytes]]);
  };
  expect(judge.log(withFloor(0n))).toBe("clean");
  expect(judge.log(withFloor(2n ** 53n - 1n))).toBe("clean");
  expect(judge.log(withFloor(2n ** 53n))).toBe("corrupt");
});
