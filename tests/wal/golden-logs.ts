import { randomBytes, seededRandom } from "../../src/lib/random.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import type { WalOptions, WriteAheadLog } from "../../src/wal/write-ahead-log.ts";
import { filesOf, type Files } from "./disk-files.ts";
import { del, openTestLog, put } from "./log-fixture.ts";
import { settle, StillClock } from "./still-clock.ts";

/** How each golden log is written. Whoever changes one of these changes what old programs left on people's disks. */
export const goldenLogs: Record<string, (write: WriteGolden) => Promise<void>> = {
  empty: (write) => write(async () => {}),

  singles: (write) =>
    write(async (log) => {
      await log.append(put("apple", "red"));
      await log.append(put("banana", "yellow"));
      await log.append(del("apple"));
      await log.append(put("empty value", ""));
    }),

  "shared-group": (write) =>
    write(async (log) => {
      await Promise.all([log.append(put("a", "1")), log.append(put("b", "2")), log.append(del("a"))]);
    }),

  batch: (write) =>
    write(async (log) => {
      await log.append(put("before", "1"));
      await log.appendBatch([put("a", "1"), put("b", "2"), del("before")]);
      await log.append(put("after", "2"));
    }),

  truncated: (write) =>
    write(
      async (log) => {
        for (let index = 0; index < 6; index++) await log.append(put(`k${index}`, 60));
        await log.truncate(await log.checkpoint());
        await log.append(put("after", "truncation"));
      },
      { segmentBytesMax: 512 },
    ),

  "expiry-and-session": (write) =>
    write(async (log) => {
      const session = { id: randomBytes(seededRandom(99), 16), requestNumber: 7 };
      await log.append({ type: "put", key: "a", value: "1", expiresAtMs: 1_900_000_000_000 });
      await log.append({ type: "delete", key: "a", session });
      await log.appendBatch([{ type: "put", key: "b", value: "2", expiresAtMs: 1_900_000_000_001, session }]);
    }),

  sealed: (write) =>
    write(async (log, clock) => {
      await log.append(put("k", "v"));
      await settle();
      clock.advance(50);
      await settle();
    }),

  "written-in-mode-none": (write) =>
    write(
      async (log) => {
        for (let index = 0; index < 3; index++) await log.append(put(`${index}`, "v"));
      },
      { syncMode: "none" },
    ),
};

type WriteGolden = (
  act: (log: WriteAheadLog, clock: StillClock) => Promise<void>,
  options?: WalOptions,
) => Promise<void>;

/** The files of a golden log, written anew. The handle is left open, so that only what the recipe asks for is there. */
export async function writeGolden(name: string): Promise<Files> {
  const disk = new MemoryFileSystem();
  await goldenLogs[name]!(async (act, options = {}) => {
    const clock = new StillClock();
    const log = await openTestLog(disk, {
      clock,
      random: seededRandom(4653),
      segmentBytesMax: 4096,
      ...options,
    });
    await act(log, clock);
    await settle();
  });
  return filesOf(disk);
}
