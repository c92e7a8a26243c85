import { describe, expect, test } from "bun:test";
import { WalFencedError, type WriteAheadLog } from "../../../src/wal/write-ahead-log.ts";
import { collect, iterated, put, rejectionOf, replayed } from "../log-fixture.ts";
import type { UseDisk } from "./disk.ts";

export function ownershipSuite(disk: UseDisk): void {
  describe("has one owner in a process", () => {
    async function expectFenced(log: WriteAheadLog): Promise<void> {
      const calls = [
        log.append(put("k", "v")),
        log.appendBatch([put("k", "v")]),
        log.checkpoint(),
        log.truncate(1),
        log.sync(),
        collect(log.replay()),
        collect(log.iterate()),
      ];
      for (const call of calls) expect(await rejectionOf(call)).toBeInstanceOf(WalFencedError);
    }

    test("the newest: an older handle is fenced, and the records of both are there", async () => {
      const older = await disk().open();
      await older.append(put("older", "1"));
      const newer = await disk().open();
      await expectFenced(older);
      expect(await newer.append(put("newer", "2"))).toBe(2);
      expect(await replayed(newer)).toEqual(["1 put older=1", "2 put newer=2"]);
    });

    test("whose handle is not hurt when the fenced one is closed", async () => {
      const older = await disk().open();
      const newer = await disk().open();
      await older.close();
      await older.close();
      expect(await newer.append(put("k", "1"))).toBe(1);
      const third = await disk().open();
      await expectFenced(newer);
      expect(await replayed(third)).toEqual(["1 put k=1"]);
    });

    test("by whatever name it is opened", async () => {
      const older = await disk().open();
      const { WriteAheadLog: Log } = await import("../../../src/wal/write-ahead-log.ts");
      const newer = await Log.open(`${disk().directory}/../${disk().directory.split("/").at(-1)}/.`, {
        fileSystem: disk().fileSystem,
        segmentBytesMax: 4096,
      });
      await expectFenced(older);
      await newer.append(put("k", "1"));
      await newer.close();
    });

    test("also when several opens come at the same moment: the last one has it", async () => {
      const logs = await Promise.all(Array.from({ length: 5 }, () => disk().open()));
      const last = logs.pop()!;
      for (const log of logs) await expectFenced(log);
      expect(await last.append(put("k", "1"))).toBe(1);
      expect(await iterated(last)).toEqual(["1 put k=1"]);
    });

    test("and takes over while appends are in flight: each is there, or was refused for good", async () => {
      let log = await disk().open({ segmentBytesMax: 2000 });
      const outcomes: Promise<{ key: string; seq: number | undefined }>[] = [];
      for (let round = 0; round < 8; round++) {
        for (let index = 0; index < 25; index++) {
          const key = `${round}-${index}`;
          const append =
            index % 5 === 0 ? log.appendBatch([put(key, 20), put(key, 20)]) : log.append(put(key, 20));
          const seq = append.catch((error: unknown) => {
            expect(error).toBeInstanceOf(WalFencedError);
            return undefined;
          });
          outcomes.push(seq.then((value) => ({ key, seq: value })));
          if (index === 5 * (round % 4)) await new Promise((resolve) => setImmediate(resolve));
        }
        log = await disk().open({ segmentBytesMax: 2000 });
      }
      const settled = await Promise.all(outcomes);
      const keys = new Set((await collect(log.replay())).map(({ key }) => Buffer.from(key!).toString()));
      for (const { key, seq } of settled)
        expect({ key, there: keys.has(key) }).toEqual({ key, there: seq !== undefined });
      expect(keys.size).toBeGreaterThan(10);
      expect(keys.size).toBeLessThan(settled.length);
    });
  });
}
