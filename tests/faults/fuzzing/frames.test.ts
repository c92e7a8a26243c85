import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { opcode } from "../../../src/protocol/opcodes.ts";
import { RequestDecoder } from "../../../src/protocol/request.ts";
import { status } from "../../../src/protocol/status.ts";
import { withSeed } from "../../support/seeds.ts";
import { CostMeter, expectBoundedGrowth, inputMsMax, msOf } from "./cost.ts";
import { decodeAgain, runFrames } from "./frame-rounds.ts";
import { FrameJudge } from "./frame-judge.ts";
import { giants } from "./giants.ts";
import { responseKinds } from "./naive-responses.ts";
import { decodeRequest } from "./real-requests.ts";

test("40,000 frames in streams are read as a naive decoder reads them, and every outcome occurs", () =>
  withSeed((_, seed) => {
    const costs = new CostMeter();
    const { frames, outcomes } = runFrames(seed, 40_000, costs, 400);
    const count = (outcome: string) => outcomes.get(outcome) ?? 0;
    expect(frames).toBeGreaterThanOrEqual(40_000);
    expect(Object.values(opcode).filter((code) => count(`0 ${code}`) === 0)).toEqual([]);
    const refusals = [
      ...[status.MALFORMED, status.UNKNOWN_OPCODE, status.INVALID_ARGUMENT, status.LIMIT_EXCEEDED],
      status.VERSION_UNSUPPORTED,
    ];
    expect(refusals.filter((code) => count(`${code}`) === 0)).toEqual([]);
    expect(responseKinds.filter((kind) => count(`${kind} accepted`) === 0)).toEqual([]);
    expect(responseKinds.filter((kind) => count(`${kind} refused`) === 0)).toEqual([]);
    // Were nearly all of them refused, or accepted, the comparison would be worth little.
    const requests = [...outcomes].filter(([outcome]) => /^\d/.test(outcome));
    const accepted = requests.filter(([outcome]) => outcome.startsWith("0 "));
    const sum = (rows: [string, number][]) => rows.reduce((total, [, met]) => total + met, 0);
    expect(sum(accepted)).toBeGreaterThan(sum(requests) / 10);
    expect(sum(accepted)).toBeLessThan(sum(requests) * 0.9);
    expect(costs.slowestMs).toBeGreaterThan(0);
    expect(costs.slowestMs).toBeLessThan(inputMsMax);
  }));

/**
 * Values of a map become objects, and the smallest object takes more than the byte that stands for it on the
 * wire.
 */
const mapGrowthBytesMax = 32 * 1024 * 1024;

describe("the largest and the most promising frames cost no more than they may", () => {
  for (const { name, kind, make } of giants) {
    test(name, () => {
      const payload = make();
      const read = () => decodeAgain(payload, 0, payload.length, kind);
      // A processor whose other half is busy takes up to twice as long: the least of some attempts is the frame's own.
      let ms = Infinity;
      for (let attempt = 0; attempt < 8 && ms >= inputMsMax; attempt++) ms = Math.min(ms, msOf(read));
      expect(ms).toBeLessThan(inputMsMax);
      const isMap = kind === "statsReply";
      expectBoundedGrowth(isMap ? mapGrowthBytesMax / 3 : payload.length, read);
    });
  }
});

test("the judge sees a frame that is as expensive as none may be", () => {
  const costs = new CostMeter();
  const longMs = inputMsMax + 20;
  // By both clocks: the collector's threads spend the processor's time beside this one.
  const spin = () => {
    const begun = process.cpuUsage();
    const begunMs = performance.now();
    const spentUs = () => process.cpuUsage(begun).user + process.cpuUsage(begun).system;
    while (spentUs() < longMs * 1_000 || performance.now() - begunMs < longMs);
  };
  expect(() => costs.time(1_000, spin)).toThrow("ms of the processor's time");
});

test("the judge sees a frame that makes the process grow as none may", () => {
  // In a process of its own: one that has freed much takes that again, and does not grow.
  const fixture = join(import.meta.dir, "growth-fixture.ts");
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, fixture], { stdout: "ignore" });
  expect({ exitCode, told: stderr.toString() }).toEqual({
    exitCode: 1,
    told: expect.stringContaining("CostViolation: reading 5 bytes made the process grow by"),
  });
});

/**
 * An id and an opcode behind an array that is too short to hold them are not in it: no request was
 * understood.
 */
describe("a request whose array does not hold its opcode is malformed, whatever follows it", () => {
  for (const [name, hex] of [
    ["nothing in the array, an unknown opcode behind it", "900163"],
    ["an id alone, an unknown opcode behind it", "910163"],
    ["an id alone, ping's opcode behind it", "910101"],
  ]) {
    test(name!, () => {
      const payload = Buffer.from(hex!, "hex");
      expect(decodeRequest(new RequestDecoder(), payload, 0, payload.length)).toBe(status.MALFORMED);
      expect(new FrameJudge().request(payload, 0, payload.length)).toBe(status.MALFORMED);
    });
  }
});

test("a hello whose name or identity is as long as a frame is refused before it is read", () => {
  const long = Buffer.alloc(30_000_000, "汉");
  const length = Buffer.alloc(4);
  length.writeUInt32BE(long.length);
  const name = Buffer.concat([Buffer.from("940100db", "hex"), length, long, Buffer.from([1])]);
  const hello = Buffer.from("a8686f6c6466617374", "hex");
  const head = Buffer.concat([Buffer.from("950100", "hex"), hello, Buffer.from([1, 0xc6])]);
  const credentials = Buffer.concat([head, length, long]);
  for (const payload of [name, credentials]) {
    const read = () => decodeAgain(payload, 0, payload.length, undefined);
    expect(expectBoundedGrowth(payload.length, read)).toBeLessThan(long.length / 2);
  }
});
