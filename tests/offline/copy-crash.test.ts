import { describe, expect, test } from "bun:test";
import { checkStore } from "../../src/offline/check-store.ts";
import { copyStore } from "../../src/offline/copy-store.ts";
import { HoldfastError } from "../../src/lib/errors.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import type { Fault } from "../../src/vfs/fault.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { EngineDriver } from "../engine/engine-driver.ts";
import { withSeed } from "../support/seeds.ts";
import { dataDirectory, filesOf, smallSizes } from "./rich-store.ts";

/** Small, because it is copied hundreds of times: some tables, and a log behind them. */
async function smallStore(): Promise<MemoryFileSystem> {
  const disk = new MemoryFileSystem();
  const driver = await EngineDriver.open(disk, { ...smallSizes, directory: dataDirectory });
  for (let count = 0; count < 90; count++) driver.put(`k${count % 60}`, "v".repeat(count));
  await driver.checkpoint();
  await driver.putDurably("later", "x");
  await driver.engine.close();
  // As if it had been there for long.
  return withoutPending(disk);
}

/** As a first start leaves it that was killed before it began its list of tables. */
async function logOnly(): Promise<MemoryFileSystem> {
  const disk = new MemoryFileSystem();
  const driver = await EngineDriver.open(disk, smallSizes);
  await driver.putDurably("k", "v");
  await driver.engine.close();
  for (const name of disk.list("/data/manifest")) disk.unlink(`/data/manifest/${name}`);
  return withoutPending(disk);
}

async function withoutPending(disk: MemoryFileSystem): Promise<MemoryFileSystem> {
  for (const [path, size] of Object.entries(disk.listAll())) {
    if (size !== "directory") {
      const file = disk.open(path);
      await file.sync();
      file.close();
    }
  }
  for (const path of ["/", "/data", "/data/wal", "/data/tables", "/data/manifest"])
    await disk.syncDirectory(path);
  return disk;
}

/** The files of a copy, but for the manifest, which begins anew, and the lock's. */
function contentOf(disk: MemoryFileSystem, directory: string): Record<string, string> {
  const files = [...filesOf(disk)].filter(
    ([path]) => path.startsWith(`${directory}/`) && /\.(table|wal)$/.test(path),
  );
  return Object.fromEntries(
    files.map(([path, bytes]) => [path.slice(directory.length), bytes.toString("hex")]),
  );
}

for (const linksTables of [true, false]) {
  describe(`a copy (${linksTables ? "linked" : "copied"})`, () => {
    for (const [what, makeStore] of [
      ["", smallStore],
      ["of a log alone ", logOnly],
    ] as const) {
      test(`${what}has its name only when it is whole, wherever a crash ends it, and can be made after that`, async () => {
        const disk = await makeStore();
        const source = contentOf(disk, dataDirectory);
        await withSeed(async (random) => {
          const crashes: { at: string; left: MemoryFileSystem }[] = [];
          const working = disk.clone();
          const watched = new FailingFileSystem(working, {
            onCall: ({ kind, path }, index) => {
              const at = `${index} ${kind} ${path}`;
              crashes.push({ at, left: working.crash({ unsynced: "kept" }) });
              crashes.push({ at, left: working.crash({ unsynced: "lost" }) });
              crashes.push({ at, left: working.crash({ unsynced: "mixed", random }) });
            },
          });
          await copyStore(watched, dataDirectory, "/backups/monday", { linksTables });
          expect(working.crash({ unsynced: "lost" }).exists("/backups/monday")).toBeTrue();
          expect(crashes.length).toBeGreaterThan(100);
          let named = 0;
          for (const { at, left } of crashes) {
            expect({ at, source: contentOf(left, dataDirectory) }).toEqual({ at, source });
            if (left.exists("/backups/monday")) named++;
            else await copyStore(left, dataDirectory, "/backups/monday", { linksTables });
            const { findings, notes } = checkStore(left, "/backups/monday");
            expect({ at, findings, notes }).toEqual({ at, findings: [], notes: [] });
            expect({ at, copy: contentOf(left, "/backups/monday") }).toEqual({ at, copy: source });
            expect(left.list("/backups")).toEqual(["monday"]);
          }
          expect(named).toBeGreaterThan(0);
        });
      });
    }

    for (const { name, fault } of [
      { name: "fails", fault: { error: "EIO" } },
      { name: "finds the disk full", fault: { error: "ENOSPC" } },
      { name: "is done and fails all the same", fault: { error: "EIO", applied: true } },
    ] as const) {
      test(`that ${name} at any call says so, leaves the original alone, and nothing half done`, async () => {
        const disk = await smallStore();
        const source = contentOf(disk, dataDirectory);
        const clean = new FailingFileSystem(disk.clone());
        await copyStore(clean, dataDirectory, "/backup", { linksTables });
        let failures = 0;
        for (let at = 1; at <= clean.calls.length; at++) {
          const working = disk.clone();
          const failing = new FailingFileSystem(working, { faults: [{ at, ...fault } as Fault] });
          const outcome = await copyStore(failing, dataDirectory, "/backup", { linksTables }).then(
            () => "copied" as const,
            (error: unknown) => error,
          );
          const call = { at, ...failing.calls[at - 1] };
          if (outcome !== "copied") {
            failures++;
            expect({ call, isExplained: outcome instanceof HoldfastError }).toEqual({
              call,
              isExplained: true,
            });
          }
          expect({ call, source: contentOf(working, dataDirectory) }).toEqual({ call, source });
          if (working.exists("/backup")) {
            expect({ call, copy: contentOf(working, "/backup") }).toEqual({ call, copy: source });
            expect(checkStore(working, "/backup").findings).toEqual([]);
          } else expect({ call, outcome }).not.toEqual({ call, outcome: "copied" });
          const left = working.list("/").filter((path) => path !== "data" && path !== "backup");
          // What was made though it seemed to fail is nobody's to remove.
          if (call.kind !== "makeDirectory" && call.kind !== "lock")
            expect({ call, left }).toEqual({ call, left: [] });
          if (!working.exists("/backup")) await copyStore(working, dataDirectory, "/backup", { linksTables });
        }
        expect(failures).toBeGreaterThan(clean.calls.length / 2);
      });
    }
  });
}
