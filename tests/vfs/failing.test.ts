import { describe, expect, test } from "bun:test";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import type { Call, Fault } from "../../src/vfs/fault.ts";
import { type FileSystem, readFile, writeFully } from "../../src/vfs/file-system.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { realFileSystem } from "../../src/vfs/real.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

/** A little of everything: the calls that it makes are the places where it can fail. */
async function publish(fileSystem: FileSystem, root: string): Promise<void> {
  const lock = fileSystem.lock(`${root}/LOCK`);
  try {
    fileSystem.makeDirectory(`${root}/d`);
    if (fileSystem.exists(`${root}/d/a.tmp`)) fileSystem.unlink(`${root}/d/a.tmp`);
    const file = fileSystem.create(`${root}/d/a.tmp`);
    try {
      writeFully(file, Buffer.from("0123456789"), 0);
      file.truncate(file.size() - 1);
      await file.datasync();
      await file.sync();
    } finally {
      file.close();
    }
    fileSystem.rename(`${root}/d/a.tmp`, `${root}/d/a`);
    await fileSystem.syncDirectory(`${root}/d`);
    expect(fileSystem.list(fileSystem.realPath(`${root}/d`))).toEqual(["a"]);
    expect(fileSystem.freeBytes(root)).toBeGreaterThan(0);
    expect(readFile(fileSystem, `${root}/d/a`).toString()).toBe("012345678");
    const again = fileSystem.open(`${root}/d/a`);
    again.close();
  } finally {
    lock.release();
  }
}

const everyCall = [
  "lock /LOCK",
  "makeDirectory /d",
  "exists /d/a.tmp",
  "create /d/a.tmp",
  "write /d/a.tmp @0 10",
  "size /d/a.tmp",
  "truncate /d/a.tmp 9",
  "datasync /d/a.tmp",
  "sync /d/a.tmp",
  "close /d/a.tmp",
  "rename /d/a.tmp -> /d/a",
  "syncDirectory /d",
  "realPath /d",
  "list /d",
  "freeBytes /",
  "openRead /d/a",
  "size /d/a",
  "read /d/a @0 9",
  "close /d/a",
  "open /d/a",
  "close /d/a",
  "unlock /LOCK",
];

function described({ kind, path, to, position, length }: Call): string {
  let text = `${kind} ${path || "/"}`;
  if (to !== undefined) text += ` -> ${to}`;
  if (position !== undefined) text += ` @${position}`;
  if (length !== undefined) text += ` ${length}`;
  return text;
}

const wrapped = (...faults: Fault[]) => {
  const memory = new MemoryFileSystem();
  return { memory, failing: new FailingFileSystem(memory, { faults }) };
};

describe("the list of calls", () => {
  test("has every call, in order, with its position and length", async () => {
    const failing = new FailingFileSystem(new MemoryFileSystem());
    await publish(failing, "");
    expect(failing.calls.map(described)).toEqual(everyCall);
  });

  test("counts by kind and by path, of a rename by either", async () => {
    const failing = new FailingFileSystem(new MemoryFileSystem());
    await publish(failing, "");
    expect(failing.count()).toBe(everyCall.length);
    expect(failing.count({ kind: "close" })).toBe(3);
    expect(failing.count({ kind: ["datasync", "sync", "syncDirectory"] })).toBe(3);
    expect(failing.count({ path: ".tmp" })).toBe(9);
    expect(failing.count({ path: /a$/ })).toBe(7);
    expect(failing.count({ kind: "rename", path: /a$/ })).toBe(1);
  });

  test("is told to the test before each call happens", () => {
    const memory = new MemoryFileSystem();
    const seen: string[] = [];
    const failing = new FailingFileSystem(memory, {
      onCall: (call, index) => seen.push(`${index} ${call.kind} ${Object.keys(memory.listAll()).join()}`),
    });
    failing.create("/a");
    failing.rename("/a", "/b");
    failing.unlink("/b");
    expect(seen).toEqual(["0 create ", "1 rename /a", "2 unlink /b"]);
  });
});

describe("a fault", () => {
  const indices = everyCall.map((_, index) => index);

  test("at any call of a run fails that call alone, as node:fs would, and changes nothing", async () => {
    for (const index of indices) {
      const failing = new FailingFileSystem(new MemoryFileSystem(), {
        faults: [{ at: index + 1, error: "EIO" }],
      });
      const error = await publish(failing, "").then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      const calls = failing.calls.map(described);
      expect(calls.slice(0, index + 1)).toEqual(everyCall.slice(0, index + 1));
      expect(error).toMatchObject({ code: "EIO", errno: -5, syscall: expect.any(String) });
      // Whatever failed, the run has let go of its lock, and can be made again.
      await publish(failing, "");
    }
  });

  test("that is sticky fails every matching call from then on, until it is healed", () => {
    const { failing } = wrapped({ kind: "write", at: 2, sticky: true, error: "ENOSPC" });
    const file = failing.create("/a");
    const bytes = Buffer.from("a");
    expect(file.write(bytes, 0)).toBe(1);
    for (let attempt = 0; attempt < 3; attempt++) {
      expect(() => file.write(bytes, 1)).toThrow("ENOSPC: no space left on device, write");
    }
    expect(file.size()).toBe(1);
    failing.heal();
    expect(file.write(bytes, 1)).toBe(1);
  });

  test("counts the calls of its kind and path alone, from when it was injected", () => {
    const { failing } = wrapped();
    failing.create("/a");
    failing.create("/b.tmp");
    failing.inject({ kind: "create", path: ".tmp", at: 2, error: "EMFILE" });
    failing.create("/c");
    failing.create("/d.tmp");
    failing.open("/d.tmp");
    expect(() => failing.create("/e.tmp")).toThrow(
      expect.objectContaining({ code: "EMFILE", path: "/e.tmp" }),
    );
    failing.create("/e.tmp");
  });

  test("makes a write short, or writes nothing, and writeFully goes on or gives up", () => {
    const { memory, failing } = wrapped({ kind: "write", at: 1, bytes: 3 });
    const file = failing.create("/a");
    writeFully(file, Buffer.from("0123456789"), 0);
    expect(readFile(memory, "/a").toString()).toBe("0123456789");
    expect(failing.calls.slice(1).map(described)).toEqual(["write /a @0 10", "write /a @3 7"]);
    failing.inject({ kind: "write", at: 1, bytes: 0 });
    expect(() => writeFully(file, Buffer.from("x"), 0)).toThrow(
      expect.objectContaining({ code: "WRITE_STALLED" }),
    );
  });

  test("makes a read short", () => {
    const { failing } = wrapped({ kind: "read", at: 1, bytes: 2 });
    const file = failing.create("/a");
    writeFully(file, Buffer.from("0123456789"), 0);
    const target = Buffer.alloc(4, "-");
    expect(file.read(target, 0)).toBe(2);
    expect(target.toString()).toBe("01--");
  });

  test("may leave the work done that it reports as failed", async () => {
    const { memory, failing } = wrapped(
      { kind: "create", at: 1, error: "EIO", applied: true },
      { kind: "rename", at: 1, error: "EIO", applied: true },
      { kind: "sync", at: 1, error: "EIO", applied: true },
      { kind: "lock", at: 1, error: "EIO", applied: true },
      { kind: "syncDirectory", at: 1, error: "EIO", applied: true },
    );
    expect(() => failing.create("/a")).toThrow("EIO");
    expect(() => failing.rename("/a", "/b")).toThrow("EIO");
    const file = failing.open("/b");
    file.write(Buffer.from("abc"), 0);
    await expect(file.sync()).rejects.toThrow("EIO: i/o error, fsync");
    expect(() => failing.lock("/LOCK")).toThrow("EIO");
    await expect(failing.syncDirectory("/")).rejects.toThrow("EIO");
    expect(memory.crash({ unsynced: "lost" }).listAll()).toEqual({ "/LOCK": 0, "/b": 3 });
    failing.lock("/LOCK").release();
  });

  test("of a sync comes later, and leaves everything pending", async () => {
    const { memory, failing } = wrapped({ kind: "datasync", at: 1, error: "EIO" });
    const file = failing.create("/a");
    await failing.syncDirectory("/");
    file.write(Buffer.from("abc"), 0);
    let ended = false;
    const sync = file.datasync().finally(() => (ended = true));
    sync.catch(() => undefined);
    for (let turn = 0; turn < 100; turn++) await Promise.resolve();
    expect(ended).toBe(false);
    await expect(sync).rejects.toMatchObject({ code: "EIO", syscall: "fdatasync" });
    expect(memory.crash({ unsynced: "lost" }).listAll()).toEqual({ "/a": 0 });
    await file.datasync();
    expect(memory.crash({ unsynced: "lost" }).listAll()).toEqual({ "/a": 3 });
  });

  for (const [lost, cache] of [
    ["new", "abc"],
    ["old", ""],
    ["hole", "\0\0\0"],
  ] as const) {
    test(`of a sync may lose the data for good, the cache showing ${lost} content`, async () => {
      const { memory, failing } = wrapped(
        { kind: "datasync", at: 1, error: "EIO", lost },
        { kind: "syncDirectory", at: 2, error: "EIO", lost },
      );
      const file = failing.create("/a");
      await failing.syncDirectory("/");
      file.write(Buffer.from("abc"), 0);
      await expect(file.datasync()).rejects.toThrow("EIO");
      failing.create("/b");
      await expect(failing.syncDirectory("/")).rejects.toThrow("EIO");
      expect(readFile(memory, "/a").toString()).toBe(cache);
      await file.datasync();
      await failing.syncDirectory("/");
      const after = memory.crash({ unsynced: "lost" });
      expect(after.list("/")).toEqual(["a"]);
      expect(readFile(after, "/a").toString("latin1")).toBe("\0".repeat(cache.length));
    });
  }

  test("of close has closed the file, as the kernel has", () => {
    using directory = temporaryDirectory();
    const failing = new FailingFileSystem(realFileSystem, {
      faults: [{ kind: "close", at: 1, error: "EIO" }],
    });
    const descriptors = () => realFileSystem.list("/proc/self/fd").length;
    const before = process.platform === "linux" ? descriptors() : undefined;
    const file = failing.create(`${directory.path}/a`);
    expect(() => file.close()).toThrow("EIO: i/o error, close");
    expect(() => file.size()).toThrow("only an open file has a size");
    if (before !== undefined) expect(descriptors()).toBe(before);
  });
});
