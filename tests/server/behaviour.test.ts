import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { describeBehaviour } from "./behaviour.ts";
import { FakeStore } from "./fake-store.ts";

describeBehaviour("a server on a store that is a Map", () => ({ store: new FakeStore({ isInstant: true }) }));

for (const sync of ["always", "5ms", "none"] as const) {
  describeBehaviour(`a server on the engine, sync ${sync}`, () => ({
    dataDirectory: "/data",
    fileSystem: new MemoryFileSystem(),
    sync,
  }));
}
