import type { JobRunner } from "../../../src/compaction/job-runner.ts";
import type { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import { EngineDriver } from "../../engine/engine-driver.ts";

/** A store whose log is not rotated unless somebody asks for a checkpoint. */
export function openStore(disk: MemoryFileSystem): Promise<EngineDriver> {
  return EngineDriver.open(disk, { segmentBytesMax: 1 << 16 });
}

/** Jobs that never end, so that the log keeps its segments. Nor would closing such a store. */
export const neverDone: JobRunner = {
  prepare() {},
  run: () => new Promise(() => {}),
  cancelAll: async () => {},
  close: async () => {},
  memory: undefined,
};
