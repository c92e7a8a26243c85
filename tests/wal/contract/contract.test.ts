import { afterEach, beforeEach, describe } from "bun:test";
import { join } from "node:path";
import { FailingFileSystem } from "../../../src/vfs/failing.ts";
import type { FileSystem } from "../../../src/vfs/file-system.ts";
import { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import { realFileSystem } from "../../../src/vfs/real.ts";
import { WriteAheadLog } from "../../../src/wal/write-ahead-log.ts";
import { temporaryDirectory } from "../../vfs/temporary-directory.ts";
import { batchSuite } from "./batch-suite.ts";
import type { Disk } from "./disk.ts";
import { lifeSuite } from "./life-suite.ts";
import { numbersSuite } from "./numbers-suite.ts";
import { ownershipSuite } from "./ownership-suite.ts";
import { readingSuite } from "./reading-suite.ts";
import { segmentsSuite } from "./segments-suite.ts";
import { valuesSuite } from "./values-suite.ts";

/** The contract of the log, on every file system that it may stand on. */
contract("on the real disk", () => {
  const directory = temporaryDirectory();
  return {
    fileSystem: realFileSystem,
    directory: join(directory.path, "log"),
    dispose: () => directory[Symbol.dispose](),
  };
});

contract("in memory", () => ({ fileSystem: new MemoryFileSystem(), directory: "/log", dispose: () => {} }));

function contract(
  where: string,
  makeWorld: () => { fileSystem: FileSystem; directory: string; dispose: () => void },
): void {
  describe(`a log ${where}`, () => {
    let disk: Disk;
    let dispose: () => void;
    let opened: WriteAheadLog[];

    beforeEach(() => {
      const world = makeWorld();
      const fileSystem = new FailingFileSystem(world.fileSystem);
      const { directory } = world;
      dispose = world.dispose;
      opened = [];
      disk = {
        fileSystem,
        directory,
        async open(options = {}) {
          const log = await WriteAheadLog.open(directory, {
            fileSystem,
            segmentBytesMax: 64 * 1024,
            diskHeadroomBytes: 0,
            ...options,
          });
          opened.push(log);
          return log;
        },
        segments: () =>
          fileSystem
            .list(directory)
            .filter((name) => name.endsWith(".wal"))
            .sort(),
      };
    });
    afterEach(async () => {
      for (const log of opened) await log.close();
      dispose();
    });

    const suites = {
      numbersSuite,
      batchSuite,
      segmentsSuite,
      valuesSuite,
      readingSuite,
      ownershipSuite,
      lifeSuite,
    };
    for (const suite of Object.values(suites)) suite(() => disk);
  });
}
