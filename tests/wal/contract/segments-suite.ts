import { describe, expect, test } from "bun:test";
import { iterated, put, rejectionOf, replayed } from "../log-fixture.ts";
import type { UseDisk } from "./disk.ts";

export function segmentsSuite(disk: UseDisk): void {
  describe("lies in segments", () => {
    const segmentBytesMax = 512;
    const sizes = () =>
      disk()
        .segments()
        .map((name) => {
          const file = disk().fileSystem.openRead(`${disk().directory}/${name}`);
          const size = file.size();
          file.close();
          return size;
        });

    test("that are sealed before they pass their size, and replay crosses them without a seam", async () => {
      const log = await disk().open({ segmentBytesMax });
      const lines: string[] = [];
      for (let index = 0; index < 40; index++) {
        const seq = await log.append(put(`k${index}`, `v${index}`.padEnd(60)));
        lines.push(`${seq} put k${index}=${`v${index}`.padEnd(60)}`);
      }
      expect(disk().segments().length).toBeGreaterThan(8);
      expect(Math.max(...sizes())).toBeLessThanOrEqual(segmentBytesMax);
      expect(await replayed(log)).toEqual(lines);
      expect(await replayed(log, 17)).toEqual(lines.slice(17));
      await log.close();
      const again = await disk().open({ segmentBytesMax });
      expect(await replayed(again)).toEqual(lines);
      expect(await replayed(again, 39)).toEqual(lines.slice(39));
    });

    test("of which one may be larger, for an operation that is larger itself", async () => {
      const log = await disk().open({ segmentBytesMax });
      await log.append(put("small", "1"));
      await log.append(put("large", 5000));
      await log.append(put("small", "2"));
      await log.appendBatch([put("x", 3000), put("y", 3000)]);
      await log.append(put("small", "3"));
      const lines = await iterated(log);
      await log.close();
      expect(sizes().filter((bytes) => bytes > segmentBytesMax)).toHaveLength(2);
      const again = await disk().open({ segmentBytesMax });
      expect(await iterated(again)).toEqual(lines);
      expect(lines).toHaveLength(7);
    });

    test("whose size may change from start to start", async () => {
      let written = 0;
      for (const size of [200, 5000, 300, 20_000, 192]) {
        const log = await disk().open({ segmentBytesMax: size });
        for (let index = 0; index < 10; index++) expect(await log.append(put("k", 50))).toBe(++written);
        await log.close();
      }
      expect(await replayed(await disk().open())).toHaveLength(written);
    });

    test("of which a truncation deletes those that it covers, and no others", async () => {
      const log = await disk().open({ segmentBytesMax });
      for (let index = 0; index < 30; index++) await log.append(put(`k${index}`, 100));
      const before = disk().segments();
      const lines = await iterated(log);
      await log.truncate(10);
      const after = disk().segments();
      expect(after).toEqual(before.slice(before.length - after.length));
      expect(after.length).toBeLessThan(before.length);
      expect(await iterated(log)).toEqual(lines.slice(10));
      await log.close();
      expect(await iterated(await disk().open())).toEqual(lines.slice(10));
    });

    test("of which none but an empty one is left when everything is truncated", async () => {
      const log = await disk().open({ segmentBytesMax });
      for (let index = 0; index < 10; index++) await log.append(put("k", 100));
      await log.truncate(10);
      expect(disk().segments()).toHaveLength(1);
      expect(sizes()).toEqual([96]);
      expect(await log.append(put("next", "1"))).toBe(11);
      expect(await iterated(log)).toEqual(["11 put next=1"]);
    });

    test("whose numbers are never used again", async () => {
      const seen = new Set<string>();
      let newest = "";
      for (let round = 0; round < 4; round++) {
        const log = await disk().open({ segmentBytesMax });
        for (let index = 0; index < 8; index++) {
          await log.append(put("k", 100));
          for (const name of disk().segments()) {
            if (!seen.has(name)) expect(name > newest).toBe(true);
            seen.add(name);
          }
          newest = disk().segments().at(-1)!;
        }
        await log.truncate(log.currentSeq);
        await log.close();
      }
    });

    test("and truncating again, or through an older seq, or through 0, changes nothing", async () => {
      const log = await disk().open({ segmentBytesMax });
      for (let index = 0; index < 10; index++) await log.append(put("k", 100));
      await log.truncate(7);
      const calls = disk().fileSystem.count({ kind: ["write", "unlink", "rename"] });
      for (const seq of [7, 3, 0]) await log.truncate(seq);
      expect(disk().fileSystem.count({ kind: ["write", "unlink", "rename"] })).toBe(calls);
      expect(log.floorSeq).toBe(7);
    });

    test("and a truncation beyond the newest number, or through no number, is refused", async () => {
      const log = await disk().open();
      await log.append(put("k", "v"));
      for (const seq of [2, 1000, -1, 0.5, Number.NaN, Number.MAX_SAFE_INTEGER]) {
        expect(await rejectionOf(log.truncate(seq))).toMatchObject({ code: "INVALID_ARGUMENT" });
      }
      expect((await rejectionOf(log.truncate(2))).message).toBe(
        "Cannot truncate through 2: the newest sequence number is 1",
      );
      expect(await replayed(log)).toEqual(["1 put k=v"]);
    });

    test("and truncations asked for one behind the other each hold when they resolve", async () => {
      const log = await disk().open({ segmentBytesMax });
      const floors: [asked: number, found: number][] = [];
      const calls: Promise<unknown>[] = [];
      for (const through of [3, 6, 9]) {
        for (let index = 0; index < 3; index++) calls.push(log.append(put("k", 30)));
        calls.push(log.truncate(through).then(() => floors.push([through, log.floorSeq])));
      }
      await Promise.all(calls);
      for (const [asked, found] of floors) expect(found).toBeGreaterThanOrEqual(asked);
      expect(floors.map(([asked]) => asked)).toEqual([3, 6, 9]);
    });
  });
}
