import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { LockHeldError } from "../../src/vfs/file-system.ts";
import { tryFlock } from "../../src/vfs/libc.ts";
import { decodeHolder, encodeHolder } from "../../src/vfs/lock-holder.ts";
import { realFileSystem } from "../../src/vfs/real.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const fixture = new URL("lock-holder-fixture.ts", import.meta.url).pathname;

describe("the lock of a real file", () => {
  let directory: ReturnType<typeof temporaryDirectory>;
  let path: string;
  const holders: Bun.Subprocess[] = [];

  beforeEach(() => {
    directory = temporaryDirectory();
    path = `${directory.path}/LOCK`;
  });
  afterEach(async () => {
    for (const holder of holders.splice(0)) {
      holder.kill("SIGKILL");
      await holder.exited;
    }
    directory[Symbol.dispose]();
  });

  async function startHolder(...spawner: string[]) {
    const holder = Bun.spawn([process.execPath, fixture, path, ...spawner], {
      stdin: "pipe",
      stdout: "pipe",
    });
    holders.push(holder);
    const { value } = await holder.stdout.getReader().read();
    const line = new TextDecoder().decode(value).trim();
    expect(line).toStartWith("held");
    return { holder, grandchildPid: Number(line.split(" ")[1]) };
  }

  function refusal(): LockHeldError {
    try {
      realFileSystem.lock(path).release();
    } catch (error) {
      if (error instanceof LockHeldError) return error;
      throw error;
    }
    throw new Error("the lock was free");
  }

  test("is refused while another process holds it, and the refusal names that process", async () => {
    const { holder } = await startHolder();
    expect(refusal()).toMatchObject({
      code: "LOCKED",
      pid: holder.pid,
      message: `Cannot open ${path}: process ${holder.pid} holds its lock; stop that process, or use another directory`,
    });
  });

  test("is free once its holder has ended by itself", async () => {
    const { holder } = await startHolder();
    holder.stdin.end();
    expect(await holder.exited).toBe(0);
    realFileSystem.lock(path).release();
  });

  test("is free once its holder was killed", async () => {
    const { holder } = await startHolder();
    holder.kill("SIGKILL");
    await holder.exited;
    expect(holder.signalCode).toBe("SIGKILL");
    const lock = realFileSystem.lock(path);
    expect(decodeHolder(readFileSync(path))).toBe(process.pid);
    lock.release();
  });

  for (const spawner of ["bun", "node"]) {
    test(`is not kept by a child that outlives the holder (${spawner} spawn)`, async () => {
      const { holder, grandchildPid } = await startHolder(spawner);
      expect(refusal().pid).toBe(holder.pid);
      holder.kill("SIGKILL");
      await holder.exited;
      try {
        expect(process.kill(grandchildPid, 0)).toBe(true);
        realFileSystem.lock(path).release();
      } finally {
        process.kill(grandchildPid, "SIGKILL");
      }
    });
  }

  test("is free once released, though a child has a copy of its descriptor", () => {
    if (process.platform !== "linux") return;
    const lock = realFileSystem.lock(path);
    const fd = readdirSync("/proc/self/fd")
      .map(Number)
      .find((each) => linkOf(`/proc/self/fd/${each}`) === path);
    holders.push(Bun.spawn(["sleep", "60"], { stdio: ["ignore", "ignore", "ignore", fd!] }));
    lock.release();
    realFileSystem.lock(path).release();
  });

  test("is free whatever its file says, which then names its holder and says nothing else", () => {
    for (const content of ["", "garbage", "1\n", "99999999999999999999999999", `${process.pid}\n`]) {
      writeFileSync(path, content);
      realFileSystem.lock(path).release();
      expect(decodeHolder(readFileSync(path))).toBe(process.pid);
    }
  });

  test("that is taken to read is the same lock, and leaves its file alone, also one that may not be written", async () => {
    writeFileSync(path, "somebody else's words");
    chmodSync(path, 0o400);
    const lock = realFileSystem.lockToRead(path);
    expect(lock.isInPlace()).toBe(true);
    expect(() => realFileSystem.lockToRead(path)).toThrow(LockHeldError);
    chmodSync(path, 0o600);
    expect(refusal().pid).toBeUndefined();
    lock.release();
    expect(readFileSync(path, "utf8")).toBe("somebody else's words");
    const { holder } = await startHolder();
    expect(() => realFileSystem.lockToRead(path)).toThrow(expect.objectContaining({ pid: holder.pid }));
  });

  test("names nobody when its file names nobody alive", () => {
    // The moment between taking the lock and writing the pid, made to last.
    const fd = openSync(path, "w");
    expect(tryFlock(fd)).toBe(true);
    const gone = Bun.spawnSync([process.execPath, "--version"]).pid;
    const holders = [encodeHolder(gone), encodeHolder(4_194_304), encodeHolder(process.pid).subarray(0, -1)];
    for (const content of ["", "garbage", "-1", "0", "4194304999", `${process.pid}\n`, ...holders]) {
      writeFileSync(path, content);
      expect(refusal()).toMatchObject({ pid: undefined, message: expect.stringContaining("(unknown)") });
    }
    closeSync(fd);
    realFileSystem.lock(path).release();
  });

  test("has a file of which every damaged byte shows", () => {
    for (const pid of [1, 4711, 2 ** 31 - 1]) {
      const line = encodeHolder(pid);
      expect(line.toString()).toMatch(/^ *\d+ [0-9a-f]{8}\n$/);
      expect(decodeHolder(line)).toBe(pid);
      for (let bytes = 0; bytes < line.length; bytes++)
        expect(decodeHolder(line.subarray(0, bytes))).toBeUndefined();
      expect(decodeHolder(Buffer.concat([line, line]))).toBeUndefined();
      for (let at = 0; at < line.length; at++) {
        for (let byte = 0; byte < 256; byte++) {
          const damaged = Buffer.from(line);
          damaged[at] = byte;
          expect(decodeHolder(damaged)).toBe(byte === line[at] ? pid : undefined);
        }
      }
    }
  });

  test("leaves no descriptor open, refused or released", () => {
    if (process.platform !== "linux") return;
    const descriptors = () => realFileSystem.list("/proc/self/fd").length;
    realFileSystem.lock(path).release();
    const before = descriptors();
    const lock = realFileSystem.lock(path);
    for (let attempt = 0; attempt < 5; attempt++) refusal();
    lock.release();
    expect(descriptors()).toBe(before);
  });

  test("outlives garbage collection", async () => {
    realFileSystem.lock(path);
    for (let round = 0; round < 5; round++) {
      Bun.gc(true);
      await new Promise((resolve) => setImmediate(resolve));
      expect(refusal().pid).toBe(process.pid);
    }
  });

  test("is refused with a code where no libc is known, rather than done without", async () => {
    const script = `
      const { realFileSystem } = await import(${JSON.stringify(new URL("../../src/vfs/real.ts", import.meta.url).href)});
      Object.defineProperty(process, "platform", { value: "sunos" });
      try { realFileSystem.lock(${JSON.stringify(path)}); console.log("taken"); }
      catch (error) { console.log(error.code, error.message); }
    `;
    const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
    expect(await new Response(child.stdout).text()).toStartWith(
      "LOCK_UNSUPPORTED Cannot lock a directory: no libc that Holdfast knows on sunos",
    );
  });
});

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
