import { describe, expect, test } from "bun:test";
import {
  WalClosedError,
  WriteAheadLog,
  type SyncMode,
  type WalOptions,
} from "../../../src/wal/write-ahead-log.ts";
import { iterated, put, rejectionOf, replayed } from "../log-fixture.ts";
import type { UseDisk } from "./disk.ts";

export function lifeSuite(disk: UseDisk): void {
  describe("is opened and closed", () => {
    test("always synced by default, in a directory that is made with those above it", async () => {
      const { fileSystem, directory } = disk();
      const deep = `${directory}/a/b`;
      const log = await WriteAheadLog.open(deep, { fileSystem, segmentBytesMax: 4096 });
      expect(log.syncMode).toBe("always");
      expect(log.directory).toBe(deep);
      await log.append(put("k", "v"));
      await log.close();
    });

    test.each<[string, WalOptions, string]>([
      ["a sync mode", { syncMode: "sometimes" as SyncMode }, 'sync mode "sometimes"'],
      ["an empty sync mode", { syncMode: "" as SyncMode }, 'sync mode ""'],
      ["an onCorruption", { onCorruption: "ignore" as "stop" }, 'onCorruption "ignore"'],
      ["a segment size", { segmentBytesMax: 100 }, "segmentBytesMax 100"],
      ["a segment size beyond the limit", { segmentBytesMax: 2 ** 31 }, "segmentBytesMax 2147483648"],
      ["a batch of records", { batchRecordsMax: 0 }, "batchRecordsMax 0"],
      ["a delay", { batchDelayMs: 0.5 }, "batchDelayMs 0.5"],
      ["a delay of seals", { sealDelayMs: Number.NaN }, "sealDelayMs NaN"],
      ["a headroom", { diskHeadroomBytes: -1 }, "diskHeadroomBytes -1"],
    ])("unless it does not know %s, which it names", async (_, options, named) => {
      const error = await rejectionOf(disk().open(options));
      expect(error).toMatchObject({ code: "INVALID_ARGUMENT" });
      expect(error.message).toContain(named);
      expect(disk().fileSystem.exists(disk().directory)).toBe(false);
    });

    test("and takes nothing once it is closed, from the very call on", async () => {
      const log = await disk().open();
      const before = log.append(put("before", "1"));
      const closing = log.close();
      const calls = () => [
        log.append(put("k", "v")),
        log.appendBatch([put("k", "v")]),
        log.checkpoint(),
        log.truncate(1),
        log.sync(),
      ];
      for (const call of calls()) expect(await rejectionOf(call)).toBeInstanceOf(WalClosedError);
      expect(await before).toBe(1);
      await closing;
      for (const call of calls()) expect(await rejectionOf(call)).toBeInstanceOf(WalClosedError);
      expect(await replayed(await disk().open())).toEqual(["1 put before=1"]);
    });

    test("and closing twice, also at the same moment, does nothing more", async () => {
      const log = await disk().open();
      await log.append(put("k", "v"));
      await Promise.all([log.close(), log.close()]);
      const calls = disk().fileSystem.calls.length;
      await log.close();
      expect(disk().fileSystem.calls.length).toBe(calls);
    });

    test("by `await using` too", async () => {
      {
        await using log = await disk().open();
        await log.append(put("k", "v"));
      }
      const { fileSystem } = disk();
      expect(fileSystem.count({ kind: "unlock" })).toBe(1);
      expect(fileSystem.count({ kind: ["create", "open", "openRead"] })).toBe(
        fileSystem.count({ kind: "close" }),
      );
    });

    test("clean, and left alone by the next start", async () => {
      const log = await disk().open();
      for (let index = 0; index < 5; index++) await log.append(put("k", "v"));
      await log.close();
      const { fileSystem } = disk();
      const before = fileSystem.calls.length;
      const again = await disk().open();
      // A clean end is vouched for by its seal, so that no record has to be written once more.
      const written = fileSystem.calls.slice(before).filter(({ kind }) => kind === "write");
      expect(written.map(({ length }) => length)).toEqual([56]);
      expect(await iterated(again)).toHaveLength(5);
      expect(again.tornFile).toBeUndefined();
      expect(again.corruption).toBeUndefined();
    });

    test("many times, with nothing lost and nothing but segments and the lock left", async () => {
      for (let start = 0; start < 10; start++) {
        await using log = await disk().open({ segmentBytesMax: 300 });
        await log.append(put(`${start}`, 40));
      }
      const names = disk().fileSystem.list(disk().directory).sort();
      expect(names.filter((name) => name !== "LOCK")).toEqual(disk().segments());
      expect(await replayed(await disk().open())).toHaveLength(10);
    });
  });
}
