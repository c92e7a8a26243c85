import { describe, expect, test } from "bun:test";
import { del, iterated, put, rejectionOf, replayed } from "../log-fixture.ts";
import type { UseDisk } from "./disk.ts";

export function numbersSuite(disk: UseDisk): void {
  describe("gives sequence numbers", () => {
    test("none in a fresh log, which replays nothing", async () => {
      const log = await disk().open();
      expect(log.currentSeq).toBe(0);
      expect(await replayed(log)).toEqual([]);
      expect(await iterated(log)).toEqual([]);
    });

    test("from 1 on, one to every record, COMMIT and CHECKPOINT too", async () => {
      const log = await disk().open();
      for (const expected of [1, 2, 3]) expect(await log.append(put(`k${expected}`, "v"))).toBe(expected);
      expect(await log.appendBatch([put("a", "1"), put("b", "2"), del("k1")])).toBe(7);
      expect(log.currentSeq).toBe(7);
      expect(await log.checkpoint()).toBe(8);
      expect(await iterated(log)).toEqual([
        "1 put k1=v",
        "2 put k2=v",
        "3 put k3=v",
        "4 put a=1",
        "5 put b=2",
        "6 delete k1",
        "7 commit",
        "8 checkpoint",
      ]);
    });

    test("to concurrent appends in the order of the calls", async () => {
      const log = await disk().open({ segmentBytesMax: 1024 });
      const calls = Array.from({ length: 100 }, (_, index) =>
        index % 10 === 9
          ? log.appendBatch([put("x", index), put("y", index)])
          : log.append(put("k", `${index}`)),
      );
      const seqs = await Promise.all(calls);
      let expected = 0;
      for (const [index, seq] of seqs.entries()) expect(seq).toBe((expected += index % 10 === 9 ? 3 : 1));
      expect(log.currentSeq).toBe(expected);
      const inOrder = (await iterated(log)).map((line) => Number.parseInt(line));
      expect(inOrder).toEqual(Array.from({ length: expected }, (_, index) => index + 1));
    });

    test("that go on after a restart", async () => {
      for (let start = 1; start <= 4; start++) {
        const log = await disk().open();
        expect(log.currentSeq).toBe((start - 1) * 2);
        expect(await log.append(put("k", `${start}`))).toBe(start * 2 - 1);
        expect(await log.checkpoint()).toBe(start * 2);
        await log.close();
      }
      expect(await replayed(await disk().open())).toEqual([
        "1 put k=1",
        "3 put k=2",
        "5 put k=3",
        "7 put k=4",
      ]);
    });

    test("that never begin again: not after a checkpoint, its truncation and restarts", async () => {
      let expected = 0;
      for (let round = 0; round < 3; round++) {
        const log = await disk().open({ segmentBytesMax: 512 });
        expect(log.currentSeq).toBe(expected);
        for (let index = 0; index < 5; index++) expect(await log.append(put("k", 100))).toBe(++expected);
        const checkpoint = await log.checkpoint();
        expect(checkpoint).toBe(++expected);
        await log.truncate(checkpoint);
        expect(log.currentSeq).toBe(expected);
        expect(await iterated(log)).toEqual([]);
        if (round === 1) expect(await log.append(put("after", "truncation"))).toBe(++expected);
        await log.close();
      }
      const log = await disk().open();
      expect(log.currentSeq).toBe(expected);
      expect(log.floorSeq).toBe(expected);
      expect(await iterated(log)).toEqual([]);
      expect(await log.append(put("last", "1"))).toBe(expected + 1);
    });

    test("to nothing that is refused", async () => {
      const log = await disk().open();
      await log.append(put("k", "v"));
      await rejectionOf(log.append(put("", "v")));
      await rejectionOf(log.appendBatch([]));
      await rejectionOf(log.appendBatch([put("k", "v"), put("", "v")]));
      expect(log.currentSeq).toBe(1);
      expect(await log.append(put("k", "v"))).toBe(2);
    });
  });
}
