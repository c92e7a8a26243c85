import { describe, expect, test } from "bun:test";
import { type Random, randomBelow, randomBytes, seededRandom } from "../../src/lib/random.ts";
import { type File, readFile } from "../../src/vfs/file-system.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { forEachSeed } from "./for-each-seed.ts";

/** The tests are named after the numbered sentences of src/vfs/memory.ts. */

const path = "/file";

async function syncedFile(content: Uint8Array): Promise<{ fileSystem: MemoryFileSystem; file: File }> {
  const fileSystem = new MemoryFileSystem();
  const file = fileSystem.create(path);
  file.write(content, 0);
  await file.datasync();
  await fileSystem.syncDirectory("/");
  return { fileSystem, file };
}

const load = (fileSystem: MemoryFileSystem, name = path) => readFile(fileSystem, name).toString("latin1");
const lose = (fileSystem: MemoryFileSystem) => fileSystem.crash({ unsynced: "lost" });
const cut = (fileSystem: MemoryFileSystem, random: Random) => fileSystem.crash({ random });
const sectors = (...letters: string[]) => Buffer.from(letters.map((letter) => letter.repeat(512)).join(""));

/** What `observe` saw after many different power cuts of the same moment. */
function outcomes(fileSystem: MemoryFileSystem, observe: (after: MemoryFileSystem) => string): Set<string> {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 600; seed++) seen.add(observe(cut(fileSystem, seededRandom(seed))));
  return seen;
}

describe("a power cut and the content of a file", () => {
  test("1: nothing unsynced survives when all of it is lost", async () => {
    const { fileSystem, file } = await syncedFile(Buffer.from("synced"));
    file.write(Buffer.from("XX and more"), 0);
    fileSystem.create("/new");
    fileSystem.makeDirectory("/directory");
    expect(load(fileSystem)).toBe("XX and more");
    const after = lose(fileSystem);
    expect(after.listAll()).toEqual({ "/file": 6 });
    expect(load(after)).toBe("synced");
  });

  for (const kind of ["datasync", "sync"] as const) {
    test(`2: ${kind} keeps writes, truncations and the size`, async () => {
      const { fileSystem, file } = await syncedFile(Buffer.from("0123456789"));
      file.truncate(4);
      file.write(Buffer.from("abc"), 6);
      await file[kind]();
      expect(load(lose(fileSystem))).toBe("0123\0\0abc");
    });
  }

  test("2: a write made after a sync began is not covered by it", async () => {
    const { fileSystem, file } = await syncedFile(Buffer.from("a"));
    file.write(Buffer.from("b"), 1);
    const sync = file.datasync();
    file.write(Buffer.from("c"), 2);
    expect(load(lose(fileSystem))).toBe("a");
    await sync;
    expect(load(lose(fileSystem))).toBe("ab");
    expect(load(fileSystem)).toBe("abc");
  });

  test("2: a sync keeps the bytes as they were when they were written", async () => {
    const { fileSystem, file } = await syncedFile(new Uint8Array(0));
    const source = Buffer.from("before");
    file.write(source, 0);
    source.fill("x");
    await file.datasync();
    expect(load(lose(fileSystem))).toBe("before");
  });

  test("2: a synced file is lost all the same if its name was not", async () => {
    const fileSystem = new MemoryFileSystem();
    const file = fileSystem.create(path);
    file.write(Buffer.from("synced"), 0);
    await file.sync();
    expect(lose(fileSystem).listAll()).toEqual({});
  });

  test("4: each sector keeps its old bytes, gets the new ones, or garbage, without the others", async () => {
    const { fileSystem, file } = await syncedFile(sectors("a", "b"));
    file.write(sectors("A", "B"), 0);
    const seen = outcomes(fileSystem, (after) => {
      const content = load(after);
      expect(content.length).toBe(1024);
      const what = (sector: string, letter: string) =>
        sector === letter.repeat(512)
          ? "old"
          : sector === letter.toUpperCase().repeat(512)
            ? "new"
            : "garbage";
      return `${what(content.slice(0, 512), "a")} ${what(content.slice(512), "b")}`;
    });
    const states = ["old", "new", "garbage"];
    expect(seen).toEqual(new Set(states.flatMap((first) => states.map((second) => `${first} ${second}`))));
  });

  test("4: a sector written twice may hold the first write alone", async () => {
    const { fileSystem, file } = await syncedFile(sectors("a"));
    file.write(Buffer.from("1"), 0);
    file.write(Buffer.from("2"), 1);
    const seen = outcomes(fileSystem, (after) => {
      const start = load(after).slice(0, 2);
      return ["aa", "1a", "12"].includes(start) ? start : "garbage";
    });
    expect(seen).toEqual(new Set(["aa", "1a", "12", "garbage"]));
  });

  test("4: garbage may be a stale sector of a file that is long gone", async () => {
    const { fileSystem, file } = await syncedFile(sectors("a"));
    const gone = fileSystem.create("/gone");
    gone.write(sectors("g"), 0);
    gone.close();
    fileSystem.unlink("/gone");
    file.write(sectors("A"), 0);
    expect(outcomes(fileSystem, load)).toContain(sectors("g").toString());
  });

  test("4: bytes that were durable are hurt by no write beside them", async () => {
    await forEachSeed(300, async (random) => {
      const durable = randomBytes(random, randomBelow(random, 3000));
      const { fileSystem, file } = await syncedFile(durable);
      for (let write = 0; write < 3; write++) {
        file.write(randomBytes(random, 1 + randomBelow(random, 2000)), file.size());
      }
      const after = readFile(cut(fileSystem, random), path);
      expect(after.length).toBeGreaterThanOrEqual(durable.length);
      expect(after.subarray(0, durable.length).equals(durable)).toBe(true);
    });
  });

  test("5: the size may grow before the content, the content before the size, and the size in part", async () => {
    const { fileSystem, file } = await syncedFile(new Uint8Array(0));
    file.write(sectors("A", "B"), 0);
    const seen = outcomes(fileSystem, (after) => {
      const content = load(after);
      if (content.length === 0) return "empty";
      if (content.length < 1024) return "cut short";
      if (content === sectors("A", "B").toString()) return "whole";
      return content === "\0".repeat(1024) ? "all zero" : "in part";
    });
    expect(seen).toEqual(new Set(["empty", "cut short", "whole", "all zero", "in part"]));
  });

  test("5: a truncation may be lost, and what it cut come back", async () => {
    const { fileSystem, file } = await syncedFile(sectors("a", "b"));
    file.truncate(100);
    const seen = outcomes(fileSystem, (after) => {
      const content = load(after);
      return `${content.length} ${content.slice(0, 101).length} ${content.includes("b")}`;
    });
    expect(seen).toContain("100 100 false");
    expect(seen).toContain("1024 101 true");
  });

  test("5: a file shortened and lengthened again may hold zeros, or what it held before", async () => {
    const { fileSystem, file } = await syncedFile(sectors("a", "b"));
    file.truncate(100);
    file.truncate(1024);
    const seen = outcomes(fileSystem, load);
    expect(seen).toContain("a".repeat(100) + "\0".repeat(924));
    expect(seen).toContain(sectors("a", "b").toString());
    expect(seen).toContain("a".repeat(100) + "\0".repeat(412) + "b".repeat(512));
  });

  test("a power cut makes durable what it leaves: the next one changes nothing", async () => {
    await forEachSeed(50, async (random) => {
      const { fileSystem, file } = await syncedFile(sectors("a", "b"));
      file.write(randomBytes(random, 1500), 300);
      fileSystem.rename(path, "/renamed");
      const once = cut(fileSystem, random);
      const twice = cut(once, random);
      expect(twice.listAll()).toEqual(once.listAll());
      for (const name of Object.keys(once.listAll())) expect(load(twice, name)).toBe(load(once, name));
    });
  });

  test("the same seed leaves the same file system, of a clone as well", async () => {
    const { fileSystem, file } = await syncedFile(sectors("a", "b"));
    file.write(sectors("A", "B", "C", "D"), 0);
    fileSystem.create("/new").write(sectors("n"), 0);
    fileSystem.unlink("/new");
    const left = (system: MemoryFileSystem, seed: number) => {
      const after = cut(system, seededRandom(seed));
      return Object.keys(after.listAll()).map((name) => [name, load(after, name)]);
    };
    for (let seed = 1; seed <= 50; seed++) {
      expect(left(fileSystem, seed)).toEqual(left(fileSystem, seed));
      expect(left(fileSystem.clone(), seed)).toEqual(left(fileSystem, seed));
    }
  });
});

describe("a power cut and the names of files", () => {
  test("3: syncDirectory keeps creations, renames and unlinks of its directory, and of no other", async () => {
    const fileSystem = new MemoryFileSystem();
    fileSystem.makeDirectory("/d");
    await fileSystem.syncDirectory("/");
    for (const name of ["/d/a", "/d/b", "/d/c", "/other"]) fileSystem.create(name);
    fileSystem.unlink("/d/a");
    fileSystem.rename("/d/b", "/d/B");
    await fileSystem.syncDirectory("/d");
    expect(lose(fileSystem).listAll()).toEqual({ "/d": "directory", "/d/B": 0, "/d/c": 0 });
  });

  test("3: an operation made after the sync of its directory began is not covered by it", async () => {
    const fileSystem = new MemoryFileSystem();
    fileSystem.create("/a");
    const sync = fileSystem.syncDirectory("/");
    fileSystem.create("/b");
    await sync;
    expect(lose(fileSystem).listAll()).toEqual({ "/a": 0 });
  });

  test("3: a rename from one directory to another needs the sync of both", async () => {
    const fileSystem = new MemoryFileSystem();
    fileSystem.makeDirectory("/from");
    fileSystem.makeDirectory("/to");
    fileSystem.create("/from/a");
    await Promise.all(["/", "/from"].map((name) => fileSystem.syncDirectory(name)));
    fileSystem.rename("/from/a", "/to/a");
    await fileSystem.syncDirectory("/to");
    expect(lose(fileSystem).listAll()).toEqual({ "/from": "directory", "/from/a": 0, "/to": "directory" });
    await fileSystem.syncDirectory("/from");
    expect(lose(fileSystem).listAll()).toEqual({ "/from": "directory", "/to": "directory", "/to/a": 0 });
  });

  test("6: operations on different names survive in any combination", () => {
    const fileSystem = new MemoryFileSystem();
    fileSystem.create("/a");
    fileSystem.create("/b");
    const seen = outcomes(fileSystem, (after) => Object.keys(after.listAll()).join());
    expect(seen).toEqual(new Set(["", "/a", "/b", "/a,/b"]));
  });

  test("6: of the history of one name a beginning survives, and a rename whole or not at all", async () => {
    const fileSystem = new MemoryFileSystem();
    fileSystem.create("/old").write(Buffer.from("old"), 0);
    await fileSystem.open("/old").sync();
    await fileSystem.syncDirectory("/");
    const temporary = fileSystem.create("/new.tmp");
    temporary.write(Buffer.from("new!"), 0);
    await temporary.sync();
    fileSystem.rename("/new.tmp", "/old");
    fileSystem.unlink("/old");
    const seen = outcomes(fileSystem, (after) => JSON.stringify(after.listAll()));
    expect(seen).toEqual(new Set(['{"/old":3}', '{"/new.tmp":4,"/old":3}', '{"/old":4}', "{}"]));
  });

  test("6: a name that was unlinked and created again holds the old file, none, or the new one", async () => {
    const { fileSystem } = await syncedFile(Buffer.from("old"));
    fileSystem.unlink(path);
    const file = fileSystem.create(path);
    file.write(Buffer.from("newer"), 0);
    await file.sync();
    const seen = outcomes(fileSystem, (after) => JSON.stringify(after.listAll()));
    expect(seen).toEqual(new Set(['{"/file":3}', "{}", '{"/file":5}']));
  });

  test("6: a lost directory takes along what was synced in it", async () => {
    const fileSystem = new MemoryFileSystem();
    fileSystem.makeDirectory("/d");
    await fileSystem.create("/d/a").sync();
    await fileSystem.syncDirectory("/d");
    expect(lose(fileSystem).listAll()).toEqual({});
    await fileSystem.syncDirectory("/");
    expect(lose(fileSystem).listAll()).toEqual({ "/d": "directory", "/d/a": 0 });
  });

  test("6: a durable operation brings along those it could not have happened without", async () => {
    const fileSystem = new MemoryFileSystem();
    fileSystem.makeDirectory("/from");
    fileSystem.makeDirectory("/to");
    fileSystem.create("/from/a");
    await Promise.all(["/", "/from"].map((name) => fileSystem.syncDirectory(name)));
    fileSystem.rename("/from/a", "/to/a");
    fileSystem.unlink("/to/a");
    await fileSystem.syncDirectory("/to");
    expect(lose(fileSystem).listAll()).toEqual({ "/from": "directory", "/to": "directory" });
  });
});

describe("SIGKILL", () => {
  test("8: loses nothing, and leaves pending what was", async () => {
    const { fileSystem, file } = await syncedFile(Buffer.from("synced"));
    file.write(Buffer.from(" and not"), 6);
    fileSystem.create("/new");
    const killed = fileSystem.crash({ unsynced: "kept" });
    expect(killed.listAll()).toEqual({ "/file": 14, "/new": 0 });
    expect(load(killed)).toBe("synced and not");
    expect(lose(killed).listAll()).toEqual({ "/file": 6 });
    await killed.open(path).sync();
    await killed.syncDirectory("/");
    expect(lose(killed).listAll()).toEqual({ "/file": 14, "/new": 0 });
  });

  test("a clone and its original go separate ways", async () => {
    const { fileSystem, file } = await syncedFile(Buffer.from("both"));
    const clone = fileSystem.clone();
    file.write(Buffer.from("O"), 0);
    clone.open(path).write(Buffer.from("C"), 0);
    clone.create("/clone");
    await file.sync();
    expect([load(fileSystem), load(clone)]).toEqual(["Ooth", "Coth"]);
    expect(load(lose(clone))).toBe("both");
    expect(fileSystem.exists("/clone")).toBe(false);
  });

  test("9: every crash frees the locks", async () => {
    const fileSystem = new MemoryFileSystem();
    fileSystem.lock("/LOCK");
    await fileSystem.syncDirectory("/");
    for (const after of [
      fileSystem.crash({ unsynced: "kept" }),
      lose(fileSystem),
      cut(fileSystem, seededRandom(1)),
    ]) {
      after.lock("/LOCK").release();
    }
    expect(() => fileSystem.lock("/LOCK")).toThrow(expect.objectContaining({ code: "LOCKED" }));
  });
});
