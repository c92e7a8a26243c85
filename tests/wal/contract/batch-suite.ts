import { describe, expect, test } from "bun:test";
import { randomBelow, seededRandom } from "../../../src/lib/random.ts";
import { batchOperationsMax, valueBytesMax } from "../../../src/lib/limits.ts";
import type { WriteAheadLog } from "../../../src/wal/write-ahead-log.ts";
import { del, iterated, put, rejectionOf, replayed } from "../log-fixture.ts";
import type { UseDisk } from "./disk.ts";

/** Writes singles, batches and a checkpoint. Each line says at which seq it takes effect. */
async function writeMixture(log: WriteAheadLog): Promise<{ effectiveAt: number; line: string }[]> {
  await log.append(put("a", "1"));
  await log.appendBatch([put("b", "2"), put("c", "3")]);
  await log.append(del("a"));
  await log.checkpoint();
  await log.appendBatch([put("d", "4")]);
  await log.appendBatch([put("e", "5"), del("b"), put("e", "6")]);
  return [
    { effectiveAt: 1, line: "1 put a=1" },
    { effectiveAt: 4, line: "2 put b=2" },
    { effectiveAt: 4, line: "3 put c=3" },
    { effectiveAt: 4, line: "4 commit" },
    { effectiveAt: 5, line: "5 delete a" },
    { effectiveAt: 6, line: "6 checkpoint" },
    { effectiveAt: 8, line: "7 put d=4" },
    { effectiveAt: 8, line: "8 commit" },
    { effectiveAt: 12, line: "9 put e=5" },
    { effectiveAt: 12, line: "10 delete b" },
    { effectiveAt: 12, line: "11 put e=6" },
    { effectiveAt: 12, line: "12 commit" },
  ];
}

const isOperation = ({ line }: { line: string }) => line.includes(" put ") || line.includes(" delete ");

export function batchSuite(disk: UseDisk): void {
  describe("keeps a batch whole", () => {
    test("in replay, which shows its operations, and in iterate, which shows its COMMIT too", async () => {
      const log = await disk().open();
      const written = await writeMixture(log);
      expect(await iterated(log)).toEqual(written.map(({ line }) => line));
      expect(await replayed(log)).toEqual(written.filter(isOperation).map(({ line }) => line));
    });

    test("wherever an afterSeq falls", async () => {
      const log = await disk().open();
      const written = (await writeMixture(log)).filter(isOperation);
      for (let afterSeq = 0; afterSeq <= 13; afterSeq++) {
        const expected = written.filter(({ effectiveAt }) => effectiveAt > afterSeq);
        expect(await replayed(log, afterSeq)).toEqual(expected.map(({ line }) => line));
      }
    });

    test.each(Array.from({ length: 12 }, (_, index) => index + 1))(
      "wherever a truncation falls, here through %d, and after a restart",
      async (floor) => {
        const log = await disk().open({ segmentBytesMax: 256 });
        const written = await writeMixture(log);
        await log.truncate(floor);
        const expected = written.filter(({ effectiveAt }) => effectiveAt > floor).map(({ line }) => line);
        expect(await iterated(log)).toEqual(expected);
        await log.close();
        const again = await disk().open({ segmentBytesMax: 256 });
        expect(again.floorSeq).toBe(floor);
        expect(again.currentSeq).toBe(12);
        expect(await iterated(again)).toEqual(expected);
        expect(await again.append(put("next", ""))).toBe(13);
        expect(await iterated(again)).toEqual([...expected, "13 put next="]);
      },
    );

    test("in one segment, however small segments are", async () => {
      const random = seededRandom(7);
      const log = await disk().open({ segmentBytesMax: 300 });
      for (let batch = 0; batch < 10; batch++) {
        const count = 1 + randomBelow(random, 5);
        await log.appendBatch(Array.from({ length: count }, (_, index) => put(`${batch}-${index}`, 40)));
      }
      const lines = await iterated(log);
      await log.close();
      const again = await disk().open();
      expect(await iterated(again)).toEqual(lines);
      // Whole segments are deleted up to the floor, so a batch over two of them would lose its beginning.
      for (const commit of lines.filter((line) => line.endsWith("commit"))) {
        const seq = Number.parseInt(commit);
        await again.truncate(seq - 1);
        const whole = lines.slice(
          lines.findLastIndex((line, at) => at < seq - 1 && line.endsWith("commit")) + 1,
        );
        expect(await iterated(again)).toEqual(whole);
      }
    });

    test("or refuses it whole, for one bad operation", async () => {
      const log = await disk().open();
      const refused = log.appendBatch([put("good", "1"), put("", "bad"), put("good", "2")]);
      expect((await rejectionOf(refused)).message).toContain("the key is empty");
      await log.append(put("next", "1"));
      expect(await iterated(log)).toEqual(["1 put next=1"]);
    });

    test("within its limits of operations and bytes, beyond which nothing is logged", async () => {
      const log = await disk().open({ segmentBytesMax: 1024 * 1024 });
      const many = Array.from({ length: batchOperationsMax + 1 }, () => put("k", "v"));
      expect(await rejectionOf(log.appendBatch(many))).toMatchObject({
        code: "LIMIT_EXCEEDED",
        limit: batchOperationsMax,
        actual: batchOperationsMax + 1,
      });
      const value = new Uint8Array(valueBytesMax);
      const large = [1, 2].map((key) => ({ type: "put", key: `${key}`, value }) as const);
      expect(await rejectionOf(log.appendBatch(large))).toMatchObject({ code: "LIMIT_EXCEEDED" });
      expect(await rejectionOf(log.appendBatch([]))).toMatchObject({ code: "INVALID_ARGUMENT" });
      expect(log.currentSeq).toBe(0);
      expect(await log.appendBatch(many.slice(1))).toBe(batchOperationsMax + 1);
    });
  });
}
