import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  type FileSystem,
  LockHeldError,
  readFile,
  readFully,
  writeFully,
} from "../../src/vfs/file-system.ts";

/** A file system to test, and an existing empty directory in it. */
export interface Subject {
  readonly fileSystem: FileSystem;
  readonly root: string;
  dispose?(): void;
}

const text = (value: string) => Buffer.from(value);

/** What every FileSystem does, whether it forgets, fails or is real. */
export function fileSystemSuite(name: string, makeSubject: () => Subject): void {
  describe(`file system contract, ${name}`, () => {
    let subject: Subject;
    let fileSystem: FileSystem;
    let root: string;

    beforeEach(() => {
      subject = makeSubject();
      ({ fileSystem, root } = subject);
    });
    afterEach(() => subject.dispose?.());

    const store = (path: string, content: string) => {
      const file = fileSystem.create(path);
      writeFully(file, text(content), 0);
      file.close();
    };
    const load = (path: string) => readFile(fileSystem, path).toString();

    test("a created file is empty, is listed, and can't be created again", () => {
      const file = fileSystem.create(`${root}/a`);
      expect(file.path).toBe(`${root}/a`);
      expect(file.size()).toBe(0);
      expect(fileSystem.list(root)).toEqual(["a"]);
      expect(() => fileSystem.create(`${root}/a`)).toThrow(expect.objectContaining({ code: "EEXIST" }));
      file.close();
    });

    test("what is absent can't be opened, listed, unlinked, renamed, resolved or synced", async () => {
      const enoent = expect.objectContaining({ code: "ENOENT" });
      const absent = `${root}/absent`;
      expect(() => fileSystem.open(absent)).toThrow(enoent);
      expect(() => fileSystem.openRead(absent)).toThrow(enoent);
      expect(() => fileSystem.create(`${absent}/a`)).toThrow(enoent);
      expect(() => fileSystem.list(absent)).toThrow(enoent);
      expect(() => fileSystem.makeDirectory(`${absent}/a`)).toThrow(enoent);
      expect(() => fileSystem.unlink(absent)).toThrow(enoent);
      expect(() => fileSystem.rename(absent, `${root}/b`)).toThrow(enoent);
      expect(() => fileSystem.realPath(absent)).toThrow(enoent);
      expect(() => fileSystem.freeBytes(absent)).toThrow(enoent);
      expect(() => fileSystem.removeDirectory(absent)).toThrow(enoent);
      expect(() => fileSystem.lock(`${absent}/a`)).toThrow(enoent);
      expect(() => fileSystem.lockToRead(absent)).toThrow(enoent);
      await expect(fileSystem.syncDirectory(absent)).rejects.toMatchObject({ code: "ENOENT" });
      expect(fileSystem.exists(absent)).toBe(false);
    });

    test("an error names its system call, and its paths where it has some", () => {
      const error = captured(() => fileSystem.rename(`${root}/absent`, `${root}/b`));
      expect(error).toMatchObject({
        code: "ENOENT",
        errno: -2,
        syscall: "rename",
        path: `${root}/absent`,
        dest: `${root}/b`,
        message: `ENOENT: no such file or directory, rename '${root}/absent' -> '${root}/b'`,
      });
      expect(captured(() => fileSystem.openRead(`${root}/absent`)).message).toBe(
        `ENOENT: no such file or directory, open '${root}/absent'`,
      );
    });

    test("a file gives back what was written, at any position", () => {
      const file = fileSystem.create(`${root}/a`);
      expect(file.write(text("hello world"), 0)).toBe(11);
      expect(file.write(text("W"), 6)).toBe(1);
      expect(file.size()).toBe(11);
      const target = Buffer.alloc(5);
      expect(file.read(target, 6)).toBe(5);
      expect(target.toString()).toBe("World");
      file.close();
      expect(load(`${root}/a`)).toBe("hello World");
    });

    test("a read past the end is short, or 0", () => {
      store(`${root}/a`, "abc");
      const file = fileSystem.openRead(`${root}/a`);
      const target = Buffer.alloc(8, "-");
      expect(file.read(target, 1)).toBe(2);
      expect(target.toString()).toBe("bc------");
      expect(file.read(target, 3)).toBe(0);
      expect(file.read(target, 1_000_000)).toBe(0);
      expect(readFully(file, target, 0)).toBe(3);
      file.close();
    });

    test("writing nothing and reading nothing moves nothing", () => {
      const file = fileSystem.create(`${root}/a`);
      expect(file.write(new Uint8Array(0), 100)).toBe(0);
      expect(file.read(new Uint8Array(0), 0)).toBe(0);
      expect(file.size()).toBe(0);
      file.close();
    });

    test("the bytes between the end and a write beyond it are zero", () => {
      const file = fileSystem.create(`${root}/a`);
      file.write(text("ab"), 0);
      file.write(text("z"), 5);
      file.close();
      expect(load(`${root}/a`)).toBe("ab\0\0\0z");
    });

    test("a view of a larger buffer is written and read alone", () => {
      const file = fileSystem.create(`${root}/a`);
      file.write(text("0123456789").subarray(3, 6), 0);
      const target = Buffer.alloc(6, "-");
      file.read(target.subarray(2, 4), 1);
      expect(target.toString()).toBe("--45--");
      file.close();
      expect(load(`${root}/a`)).toBe("345");
    });

    test("a written buffer is the caller's again", () => {
      const file = fileSystem.create(`${root}/a`);
      const source = text("before");
      file.write(source, 0);
      source.fill("x");
      file.close();
      expect(load(`${root}/a`)).toBe("before");
    });

    test("truncate shortens, and lengthens with zeros, also where bytes had been", () => {
      const file = fileSystem.create(`${root}/a`);
      file.write(text("abcdef"), 0);
      file.truncate(2);
      expect(file.size()).toBe(2);
      file.truncate(4);
      file.close();
      expect(load(`${root}/a`)).toBe("ab\0\0");
    });

    test("two open files of one path see the same bytes", () => {
      const one = fileSystem.create(`${root}/a`);
      const other = fileSystem.open(`${root}/a`);
      one.write(text("one"), 0);
      other.write(text("T"), 1);
      const target = Buffer.alloc(3);
      one.read(target, 0);
      expect(target.toString()).toBe("oTe");
      one.close();
      other.close();
    });

    test("nothing changes through a file that was opened for reading", () => {
      store(`${root}/a`, "abc");
      const file = fileSystem.openRead(`${root}/a`);
      expect(() => file.write(text("x"), 0)).toThrow(expect.objectContaining({ code: "EBADF" }));
      expect(() => file.truncate(0)).toThrow(expect.objectContaining({ code: "EINVAL" }));
      file.close();
      expect(load(`${root}/a`)).toBe("abc");
    });

    test("a directory is made once, and listed without order", () => {
      fileSystem.makeDirectory(`${root}/d`);
      store(`${root}/d/b`, "");
      store(`${root}/d/a`, "");
      fileSystem.makeDirectory(`${root}/d`);
      fileSystem.makeDirectory(`${root}/d/c`);
      expect(fileSystem.list(`${root}/d`).toSorted()).toEqual(["a", "b", "c"]);
      expect(fileSystem.exists(`${root}/d`)).toBe(true);
      expect(fileSystem.exists(`${root}/d/a`)).toBe(true);
    });

    test("a file is not taken for a directory, nor a directory for a file", async () => {
      store(`${root}/a`, "");
      fileSystem.makeDirectory(`${root}/d`);
      expect(() => fileSystem.makeDirectory(`${root}/a`)).toThrow(
        expect.objectContaining({ code: "EEXIST" }),
      );
      expect(() => fileSystem.list(`${root}/a`)).toThrow(expect.objectContaining({ code: "ENOTDIR" }));
      expect(() => fileSystem.create(`${root}/a/b`)).toThrow(expect.objectContaining({ code: "ENOTDIR" }));
      await expect(fileSystem.syncDirectory(`${root}/a`)).rejects.toMatchObject({ code: "ENOTDIR" });
      expect(() => fileSystem.open(`${root}/d`)).toThrow(expect.objectContaining({ code: "EISDIR" }));
      expect(() => fileSystem.unlink(`${root}/d`)).toThrow(expect.objectContaining({ code: "EISDIR" }));
      expect(() => fileSystem.rename(`${root}/a`, `${root}/d`)).toThrow(
        expect.objectContaining({ code: "EISDIR" }),
      );
      expect(() => fileSystem.rename(`${root}/d`, `${root}/a`)).toThrow(
        expect.objectContaining({ code: "ENOTDIR" }),
      );
    });

    test("a path that can't be looked at is an error, not an absence", () => {
      store(`${root}/a`, "");
      expect(() => fileSystem.exists(`${root}/a/b`)).toThrow(expect.objectContaining({ code: "ENOTDIR" }));
    });

    test("rename replaces the target, and takes the content along", () => {
      store(`${root}/a`, "new");
      store(`${root}/b`, "old");
      fileSystem.rename(`${root}/a`, `${root}/b`);
      expect(fileSystem.list(root)).toEqual(["b"]);
      expect(load(`${root}/b`)).toBe("new");
      fileSystem.rename(`${root}/b`, `${root}/b`);
      expect(load(`${root}/b`)).toBe("new");
    });

    test("rename moves a directory with all that is in it, but never into itself or onto a full one", () => {
      fileSystem.makeDirectory(`${root}/d`);
      store(`${root}/d/a`, "inside");
      fileSystem.makeDirectory(`${root}/full`);
      store(`${root}/full/b`, "");
      const into = captured(() => fileSystem.rename(`${root}/d`, `${root}/d/e`));
      expect(into).toMatchObject({ code: "EINVAL" });
      const onto = captured(() => fileSystem.rename(`${root}/d`, `${root}/full`));
      expect(onto).toMatchObject({ code: "ENOTEMPTY" });
      fileSystem.rename(`${root}/d`, `${root}/d`);
      fileSystem.rename(`${root}/d`, `${root}/moved`);
      expect(load(`${root}/moved/a`)).toBe("inside");
      expect(fileSystem.exists(`${root}/d`)).toBe(false);
    });

    test("a directory is removed once it is empty, and not before", () => {
      fileSystem.makeDirectory(`${root}/d`);
      store(`${root}/d/a`, "");
      expect(() => fileSystem.removeDirectory(`${root}/d`)).toThrow(
        expect.objectContaining({ code: "ENOTEMPTY", syscall: "rmdir" }),
      );
      expect(() => fileSystem.removeDirectory(`${root}/d/a`)).toThrow(
        expect.objectContaining({ code: "ENOTDIR" }),
      );
      fileSystem.unlink(`${root}/d/a`);
      fileSystem.removeDirectory(`${root}/d`);
      expect(fileSystem.exists(`${root}/d`)).toBe(false);
      fileSystem.makeDirectory(`${root}/d`);
      expect(fileSystem.list(`${root}/d`)).toEqual([]);
    });

    test("an open file outlives its name", async () => {
      const file = fileSystem.create(`${root}/a`);
      file.write(text("abc"), 0);
      fileSystem.unlink(`${root}/a`);
      expect(fileSystem.list(root)).toEqual([]);
      const target = Buffer.alloc(3);
      expect(file.read(target, 0)).toBe(3);
      expect(target.toString()).toBe("abc");
      await file.sync();
      file.close();
    });

    test("syncs resolve, of files for reading as well, and of directories", async () => {
      store(`${root}/a`, "abc");
      const file = fileSystem.open(`${root}/a`);
      await Promise.all([file.datasync(), file.sync(), fileSystem.syncDirectory(root)]);
      file.close();
      const reader = fileSystem.openRead(`${root}/a`);
      await reader.sync();
      reader.close();
    });

    test("a sync never ends in the turn of the event loop that began it", async () => {
      const file = fileSystem.create(`${root}/a`);
      file.write(text("abc"), 0);
      let ended = false;
      const sync = file.datasync().then(() => (ended = true));
      for (let turn = 0; turn < 100; turn++) await Promise.resolve();
      expect(ended).toBe(false);
      await sync;
      file.close();
    });

    test("a file closed under a sync is closed when the sync has ended, and may be closed again", async () => {
      const file = fileSystem.create(`${root}/a`);
      file.write(text("abc"), 0);
      const syncs = [file.datasync(), file.sync()];
      file.close();
      file.close();
      expect(await Promise.allSettled(syncs)).toEqual([
        { status: "fulfilled", value: undefined },
        { status: "fulfilled", value: undefined },
      ]);
    });

    test("a closed file refuses everything", async () => {
      const file = fileSystem.create(`${root}/a`);
      file.close();
      const bug = expect.objectContaining({ code: "ASSERTION_FAILED" });
      expect(() => file.size()).toThrow(bug);
      expect(() => file.read(Buffer.alloc(1), 0)).toThrow(bug);
      expect(() => file.write(Buffer.alloc(1), 0)).toThrow(bug);
      expect(() => file.truncate(0)).toThrow(bug);
      await expect(file.datasync()).rejects.toMatchObject({ code: "ASSERTION_FAILED" });
      await expect(file.sync()).rejects.toMatchObject({ code: "ASSERTION_FAILED" });
    });

    test("two names of one directory have one real path", () => {
      fileSystem.makeDirectory(`${root}/d`);
      const real = fileSystem.realPath(`${root}/d`);
      expect(fileSystem.realPath(`${root}/d/../d/./`)).toBe(real);
      expect(fileSystem.realPath(`${root}//d`)).toBe(real);
    });

    test("free bytes are a number of bytes", () => {
      expect(fileSystem.freeBytes(root)).toBeGreaterThan(0);
    });

    test("a lock is held by one until it is released, whether its file was there or not", () => {
      const lock = fileSystem.lock(`${root}/LOCK`);
      const refusal = captured(() => fileSystem.lock(`${root}/LOCK`));
      expect(refusal).toBeInstanceOf(LockHeldError);
      expect(refusal).toMatchObject({ code: "LOCKED", pid: process.pid });
      lock.release();
      lock.release();
      const next = fileSystem.lock(`${root}/LOCK`);
      lock.release();
      expect(() => fileSystem.lock(`${root}/LOCK`)).toThrow(LockHeldError);
      next.release();
      expect(fileSystem.list(root)).toEqual(["LOCK"]);
    });

    test("a lock that is taken to read is the same lock, of a file that was there and stays as it is", () => {
      store(`${root}/LOCK`, "as it is");
      const reader = fileSystem.lockToRead(`${root}/LOCK`);
      expect(() => fileSystem.lock(`${root}/LOCK`)).toThrow(LockHeldError);
      expect(() => fileSystem.lockToRead(`${root}/LOCK`)).toThrow(LockHeldError);
      expect(reader.isInPlace()).toBe(true);
      reader.release();
      expect(load(`${root}/LOCK`)).toBe("as it is");
      const owner = fileSystem.lock(`${root}/LOCK`);
      expect(() => fileSystem.lockToRead(`${root}/LOCK`)).toThrow(LockHeldError);
      owner.release();
    });

    test("locks of different files do not meet", () => {
      const one = fileSystem.lock(`${root}/one`);
      const other = fileSystem.lock(`${root}/other`);
      one.release();
      other.release();
    });
  });
}

function captured(action: () => unknown): Error {
  try {
    action();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}
