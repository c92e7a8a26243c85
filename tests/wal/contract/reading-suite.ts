import { describe, expect, test } from "bun:test";
import { WalCorruptionError } from "../../../src/wal/write-ahead-log.ts";
import { collect, lineOf, put, rejectionOf, replayed } from "../log-fixture.ts";
import type { UseDisk } from "./disk.ts";

export function readingSuite(disk: UseDisk): void {
  describe("is read", () => {
    const numbered = (count: number) => Array.from({ length: count }, (_, index) => `${index + 1}`);
    const seqOf = (line: string) => line.split(" ")[0]!;

    test("as it was at the call, while appends go on", async () => {
      const log = await disk().open({ segmentBytesMax: 400 });
      for (let index = 0; index < 20; index++) await log.append(put("k", 30));
      const readers = [log.replay(), log.iterate()];
      for (let index = 0; index < 20; index++) await log.append(put("k", 30));
      for (const reader of readers) {
        const lines: string[] = [];
        for await (const record of reader) {
          lines.push(lineOf(record));
          await log.append(put("more", 30));
        }
        expect(lines.map(seqOf)).toEqual(numbered(20));
      }
      expect(log.currentSeq).toBe(80);
    });

    test("by many at once", async () => {
      const log = await disk().open({ segmentBytesMax: 400 });
      for (let index = 0; index < 20; index++) await log.append(put("k", 30));
      const all = await Promise.all([0, 5, 19, 20].map((afterSeq) => replayed(log, afterSeq)));
      expect(all.map((lines) => lines.length)).toEqual([20, 15, 1, 0]);
    });

    test("while it is truncated, and shows nothing truncated from then on", async () => {
      const log = await disk().open({ segmentBytesMax: 400 });
      for (let index = 0; index < 30; index++) await log.append(put("k", 30));
      const seqs: number[] = [];
      for await (const { seq } of log.replay()) {
        seqs.push(seq);
        if (seq === 3) await log.truncate(22);
      }
      expect(seqs).toEqual([1, 2, 3, 23, 24, 25, 26, 27, 28, 29, 30]);
    });

    test("up to what is acknowledged, and nothing that still waits for its sync", async () => {
      const log = await disk().open();
      await log.append(put("k", "1"));
      const pending = log.append(put("k", "2"));
      expect(await replayed(log)).toEqual(["1 put k=1"]);
      await pending;
      expect(await replayed(log)).toEqual(["1 put k=1", "2 put k=2"]);
    });

    test("with every byte verified once more: what went bad since the start is not handed out", async () => {
      const log = await disk().open();
      for (let index = 0; index < 5; index++) await log.append(put("k", 30));
      const name = disk().segments()[0]!;
      const file = disk().fileSystem.open(`${disk().directory}/${name}`);
      file.write(Buffer.from([0xff]), 300);
      file.close();
      const error = await rejectionOf(collect(log.replay()));
      expect(error).toBeInstanceOf(WalCorruptionError);
      expect((error as WalCorruptionError).file).toEndWith(name);
      expect((error as WalCorruptionError).seq).toBeGreaterThan(0);
    });

    test("and a reader that stops early leaves no file open", async () => {
      const log = await disk().open({ segmentBytesMax: 400 });
      for (let index = 0; index < 20; index++) await log.append(put("k", 30));
      for await (const { seq } of log.replay()) if (seq === 7) break;
      await collect(log.iterate());
      const { fileSystem } = disk();
      const opened = fileSystem.count({ kind: ["create", "open", "openRead"] });
      expect(opened - fileSystem.count({ kind: "close" })).toBe(1);
    });
  });
}
