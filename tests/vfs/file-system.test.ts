import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { realFileSystem } from "../../src/vfs/real.ts";
import { fileSystemSuite } from "./file-system-suite.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

fileSystemSuite("real", () => {
  const directory = temporaryDirectory();
  return { fileSystem: realFileSystem, root: directory.path, dispose: () => directory[Symbol.dispose]() };
});

fileSystemSuite("in memory", () => {
  const fileSystem = new MemoryFileSystem();
  fileSystem.makeDirectory("/root");
  return { fileSystem, root: "/root" };
});

fileSystemSuite("failing, but not yet", () => {
  const fileSystem = new MemoryFileSystem();
  fileSystem.makeDirectory("/root");
  return { fileSystem: new FailingFileSystem(fileSystem), root: "/root" };
});
