import { describe, expect, spyOn, test } from "bun:test";
import * as fs from "node:fs";
import {
  chmodSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { realFileSystem } from "../../src/vfs/real.ts";
import { eventually } from "../support/eventually.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

describe("the real file system", () => {
  test("makes what only its owner may touch", () => {
    using directory = temporaryDirectory();
    realFileSystem.create(`${directory.path}/file`).close();
    realFileSystem.makeDirectory(`${directory.path}/directory`);
    realFileSystem.lock(`${directory.path}/LOCK`).release();
    const mode = (name: string) => (statSync(`${directory.path}/${name}`).mode & 0o777).toString(8);
    expect(["file", "directory", "LOCK"].map(mode)).toEqual(["600", "700", "600"]);
  });

  test("leaves the mode of an existing directory alone", () => {
    using directory = temporaryDirectory();
    chmodSync(directory.path, 0o755);
    realFileSystem.makeDirectory(directory.path);
    expect(statSync(directory.path).mode & 0o777).toBe(0o755);
  });

  test("reads and writes beyond 4 GiB", () => {
    using directory = temporaryDirectory();
    const file = realFileSystem.create(`${directory.path}/sparse`);
    const position = 5 * 2 ** 30;
    expect(file.write(Buffer.from("far"), position)).toBe(3);
    expect(file.size()).toBe(position + 3);
    const target = Buffer.alloc(3);
    expect(file.read(target, position)).toBe(3);
    expect(target.toString()).toBe("far");
    file.close();
  });

  // It took 15 ms of the event loop for a segment of 32 MiB, and each request in flight waited for them.
  test.skipIf(process.platform !== "linux")(
    "takes away a name at once, and gives back the space of the file when a thread has closed it",
    async () => {
      using directory = temporaryDirectory();
      const path = `${directory.path}/large`;
      const descriptors = () => readdirSync("/proc/self/fd").length;
      writeFileSync(path, Buffer.alloc(1024 * 1024, 1));
      const before = descriptors();
      using closing = spyOn(fs, "close");
      realFileSystem.unlink(path);
      expect(realFileSystem.exists(path)).toBe(false);
      expect(closing).toHaveBeenCalledTimes(1);
      await eventually("the file is closed", () => descriptors() <= before);
    },
  );

  test("takes away the name of what it can't open, or must not follow, too", () => {
    using directory = temporaryDirectory();
    const pipe = `${directory.path}/pipe`;
    Bun.spawnSync(["mkfifo", pipe]);
    writeFileSync(`${directory.path}/file`, "kept");
    symlinkSync("file", `${directory.path}/link`);
    using closing = spyOn(fs, "close");
    realFileSystem.unlink(`${directory.path}/link`);
    expect(closing).not.toHaveBeenCalled();
    realFileSystem.unlink(pipe);
    expect(realFileSystem.list(directory.path)).toEqual(["file"]);
    expect(() => realFileSystem.unlink(`${directory.path}/none`)).toThrow("ENOENT");
    expect(() => realFileSystem.unlink(directory.path)).toThrow();
  });

  test("resolves links to the one true name", () => {
    using directory = temporaryDirectory();
    realFileSystem.makeDirectory(`${directory.path}/d`);
    symlinkSync("d", `${directory.path}/link`);
    expect(realFileSystem.realPath(`${directory.path}/link`)).toBe(
      realFileSystem.realPath(`${directory.path}/d`),
    );
  });

  test("opens nothing that a child process would inherit", () => {
    if (process.platform !== "linux") return;
    using directory = temporaryDirectory();
    const path = (name: string) => `${directory.path}/${name}`;
    const closeOnExec = 0o2000000;
    const flags = (name: string) =>
      Number.parseInt(
        /flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${descriptorOf(path(name))}`, "utf8"))![1]!,
        8,
      );
    writeFileSync(path("opened"), "");
    writeFileSync(path("read"), "");
    const files = [
      realFileSystem.create(path("created")),
      realFileSystem.open(path("opened")),
      realFileSystem.openRead(path("read")),
    ];
    const lock = realFileSystem.lock(path("LOCK"));
    for (const name of ["created", "opened", "read", "LOCK"]) {
      expect({ name, closeOnExec: (flags(name) & closeOnExec) !== 0 }).toEqual({ name, closeOnExec: true });
    }
    for (const file of files) file.close();
    lock.release();
  });

  test("gives back every descriptor, and none while a sync still uses it", async () => {
    if (process.platform !== "linux") return;
    using directory = temporaryDirectory();
    const path = `${directory.path}/a`;
    const isOpen = () => descriptorOf(path) !== undefined;
    const file = realFileSystem.create(path);
    file.write(Buffer.from("abc"), 0);
    const sync = file.datasync();
    file.close();
    expect(isOpen()).toBe(true);
    await sync;
    expect(isOpen()).toBe(false);
  });
});

/** A signal may interrupt a system call; strace makes it so, once. */
describe("an interrupted system call", () => {
  const strace = Bun.which("strace");
  const table = [
    { action: "write", syscall: "pwrite64", answer: "5", calls: 2 },
    { action: "read", syscall: "pread64", answer: "5", calls: 2 },
    // A sync that is begun again may report a success that the first one's error has already used up.
    { action: "datasync", syscall: "fdatasync", answer: "EINTR", calls: 1 },
    { action: "sync", syscall: "fsync", answer: "EINTR", calls: 1 },
    { action: "syncDirectory", syscall: "fsync", answer: "EINTR", calls: 1 },
  ];

  for (const { action, syscall, answer, calls } of table) {
    test.skipIf(strace === null)(`${action} is made ${calls === 2 ? "again" : "once"}`, async () => {
      using directory = temporaryDirectory();
      const path = `${directory.path}/a`;
      const trace = `${directory.path}/trace`;
      writeFileSync(path, "hello");
      const fixture = new URL("real-fixture.ts", import.meta.url).pathname;
      const traced = action === "syncDirectory" ? directory.path : path;
      const options = ["-f", "-o", trace, "-P", traced, "-e", `trace=${syscall}`];
      const interrupt = ["-e", `inject=${syscall}:error=EINTR:when=1`];
      const command = [strace!, ...options, ...interrupt, process.execPath, fixture, path, action];
      const child = Bun.spawn(command, { stdout: "pipe" });
      expect((await new Response(child.stdout).text()).trim()).toBe(answer);
      const made = (await Bun.file(trace).text()).split("\n").filter((line) => line.includes(`${syscall}(`));
      expect(made.length).toBe(calls);
    });
  }
});

/** The descriptor by which this process has a path open. */
function descriptorOf(path: string): string | undefined {
  return readdirSync("/proc/self/fd").find((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false;
    }
  });
}
