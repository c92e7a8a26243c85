import { expect, test } from "bun:test";
import { copyStore } from "../../src/offline/copy-store.ts";
import type { File, FileSystem } from "../../src/vfs/file-system.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { surveyLog } from "../../src/wal/survey.ts";
import { EngineDriver } from "../engine/engine-driver.ts";

/** What a copy sees of a log that a server writes to meanwhile, over zeros that it had prepared. */
const segment = "/data/wal/000000000001.wal";
const pageBytes = 4096;

/** The same file system, but that file is read as `read` says, the first time that it is. */
function seenOnce(disk: MemoryFileSystem, read: (file: File) => Partial<File>): FileSystem {
  let isFirst = true;
  return new Proxy(disk, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      if (name !== "openRead") return value.bind(target);
      return (path: string) => {
        const file = target.openRead(path);
        if (path !== segment || !isFirst) return file;
        isFirst = false;
        const seen = read(file);
        return {
          path,
          size: seen.size ?? (() => file.size()),
          read: seen.read ?? ((bytes: Uint8Array, position: number) => file.read(bytes, position)),
          close: () => file.close(),
        };
      };
    },
  });
}

/** A store before and after two groups that lie in different pages, of which the later vouches for the earlier. */
async function twoMoments(): Promise<{ before: MemoryFileSystem; after: MemoryFileSystem }> {
  const disk = new MemoryFileSystem();
  const db = await EngineDriver.open(disk, { segmentBytesMax: 1 << 20 });
  await db.putDurably("before", "1");
  const before = disk.clone();
  await db.putDurably("b0", "x".repeat(pageBytes));
  await db.putDurably("b1", "x".repeat(pageBytes));
  return { before, after: disk.clone() };
}

test("a copy is not deceived by pages that were read before and after two groups were written", async () => {
  const { before, after } = await twoMoments();
  const mixed = seenOnce(after, (file) => ({
    read(bytes, position) {
      const count = file.read(bytes, position);
      const old = new Uint8Array(count);
      before.openRead(segment).read(old, position);
      if (position < pageBytes) bytes.set(old.subarray(0, pageBytes - position));
      return count;
    },
  }));
  await copyStore(mixed, "/data", "/backup", { linksTables: false });
  const copy = await EngineDriver.open(after, { directory: "/backup" });
  expect(copy.all()).toHaveLength(3);
});

test("a log is read to its end although what was prepared behind it is cut off meanwhile", async () => {
  const { after } = await twoMoments();
  const { end } = surveyLog(after, "/data/wal").segments[0]!.walk;
  const stale = after.openRead(segment).size();
  expect(stale).toBeGreaterThan(end);
  after.open(segment).truncate(end);
  let asked = 0;
  const shrinking = seenOnce(after, (file) => ({ size: () => (asked++ === 0 ? stale : file.size()) }));
  expect(surveyLog(shrinking, "/data/wal")).toMatchObject({ verdict: { kind: "clean" }, lastSeq: 3 });
  expect(asked).toBe(2);
});
