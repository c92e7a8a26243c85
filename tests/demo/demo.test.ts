import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codecs, connect } from "../../client/client.ts";
import { HoldfastError } from "../../src/lib/errors.ts";
import { serve } from "../../src/server/serve.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { listFiles } from "./file-list.ts";
import { checkFiles, storeFiles, type FileStore } from "./stored-files.ts";

const limits = { keyBytesMax: 65_535, valueBytesMax: 16 * 1024 * 1024, frameBytesMax: 33 * 1024 * 1024 };

function writeFiles(directory: string, count: number): void {
  mkdirSync(join(directory, "nested/deeper"), { recursive: true });
  for (let index = 0; index < count; index++) {
    const folder = ["", "nested/", "nested/deeper/"][index % 3]!;
    writeFileSync(join(directory, `${folder}file ${index}.bin`), Buffer.alloc(index * 37, index));
  }
}

test("the demo stores a directory, kills the server midway, loses nothing, and cleans up", async () => {
  using directory = temporaryDirectory();
  const files = join(directory.path, "files");
  const temporary = join(directory.path, "temporary");
  mkdirSync(temporary);
  writeFiles(files, 200);
  writeFileSync(join(files, "huge"), "");
  truncateSync(join(files, "huge"), limits.valueBytesMax + 1);
  symlinkSync("huge", join(files, "link"));

  const child = Bun.spawn([process.execPath, join(import.meta.dir, "demo.ts"), files], {
    env: { ...process.env, TMPDIR: temporary },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, errors, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  expect({ code, errors }).toEqual({ code: 0, errors: "" });
  const value = (name: string) => new RegExp(`^${name} {2,}(.*)$`, "m").exec(output)?.[1];
  expect(value("files")).toBe("200 stored, 1 over a limit, 0 unreadable");
  expect(value("lost")).toBe("0");
  expect(value("bytes")).toBe("0.7 MB");
  expect(Number.parseInt(value("acknowledged before the kill")!)).toBeWithin(100, 201);
  expect(value("recovery")).toMatch(/^\d+ ms/);
  expect(value("throughput")).toMatch(/^\d+ files\/s, [\d.]+ MB\/s/);
  expect(output).toMatch(/^storing +\d+ of 200 files {2}SIGKILL$/m);
  expect(readdirSync(temporary)).toEqual([]);
});

test("the demo of an empty directory has nothing to lose", async () => {
  using directory = temporaryDirectory();
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "demo.ts"), directory.path], {
    stdout: "pipe",
    stderr: "ignore",
  });
  expect(await new Response(child.stdout).text()).toMatch(/^lost +0$/m);
  expect(await child.exited).toBe(0);
});

describe("the demo's check", () => {
  async function storedFiles(
    run: (store: FileStore, sent: Awaited<ReturnType<typeof storeFiles>>) => Promise<void>,
  ) {
    using directory = temporaryDirectory();
    writeFiles(directory.path, 12);
    await using server = await serve({
      listen: "127.0.0.1:0",
      dataDirectory: "/data",
      fileSystem: new MemoryFileSystem(),
    });
    await using database = await connect<Uint8Array>(server.url, { codec: codecs.bytes });
    const { files } = await listFiles(directory.path, limits);
    const sent = await storeFiles(database, files);
    expect(sent.map(({ outcome }) => outcome)).toEqual(files.map(() => "acknowledged"));
    await run(database, sent);
  }

  test("finds everything where everything is", async () => {
    await storedFiles(async (store, sent) => {
      expect(await checkFiles(store, sent)).toEqual({ lost: [], mangled: [], arrived: 0 });
    });
  });

  test("calls an acknowledged file lost that is not there, or not as it was sent", async () => {
    await storedFiles(async (store, sent) => {
      const [missing, changed] = [sent[3]!.file.key, sent[7]!.file.key];
      const lossy: FileStore = {
        put: store.put,
        async get(key) {
          const value = await store.get(key);
          if (key === missing) return undefined;
          if (key === changed) value![value!.length - 1]! ^= 1;
          return value;
        },
      };
      expect((await checkFiles(lossy, sent)).lost.sort()).toEqual([missing, changed].sort());
    });
  });

  test("calls a file mangled that was not acknowledged and is there with other bytes", async () => {
    await storedFiles(async (store, sent) => {
      sent[5]!.outcome = "unknown";
      expect(await checkFiles(store, sent)).toEqual({ lost: [], mangled: [], arrived: 1 });
      await store.put(sent[5]!.file.key, Buffer.from("half"));
      expect(await checkFiles(store, sent)).toEqual({ lost: [], mangled: [sent[5]!.file.key], arrived: 0 });
    });
  });

  test("does not mistake a file for lost that was changed since it was sent", async () => {
    await storedFiles(async (store, sent) => {
      writeFileSync(sent[2]!.file.path, "changed");
      expect((await checkFiles(store, sent)).lost).toEqual([]);
    });
  });
});

describe("storing files", () => {
  test("stops when it is over, and tells what is not known from what did not happen", async () => {
    using directory = temporaryDirectory();
    writeFiles(directory.path, 40);
    const { files } = await listFiles(directory.path, limits);
    let acknowledged = 0;
    const failure = (outcome: string) => Object.assign(new HoldfastError("X", "gone"), { outcome });
    const store: FileStore = {
      get: async () => undefined,
      async put() {
        if (acknowledged >= 10) throw failure(acknowledged % 2 === 0 ? "unknown" : "not-applied");
        return { version: 1 };
      },
    };
    const sent = await storeFiles(store, files, {
      isOver: () => acknowledged >= 10,
      onAcknowledged: () => acknowledged++,
    });
    expect(sent.length).toBeLessThan(files.length);
    expect(sent.filter(({ outcome }) => outcome === "acknowledged").length).toBe(acknowledged);
  });

  test("fails when the server refuses a file before anybody killed it", async () => {
    using directory = temporaryDirectory();
    writeFiles(directory.path, 3);
    const { files } = await listFiles(directory.path, limits);
    const store: FileStore = {
      get: async () => undefined,
      put: () => Promise.reject(new HoldfastError("DISK_FULL", "no room")),
    };
    await expect(storeFiles(store, files)).rejects.toThrow("no room");
  });

  test("skips a file that went since it was listed", async () => {
    const skipped: string[] = [];
    const store: FileStore = { get: async () => undefined, put: async () => ({ version: 1 }) };
    const gone = { key: "gone", path: "/nowhere/gone", bytes: 1 };
    expect(await storeFiles(store, [gone], { onSkipped: ({ key }) => skipped.push(key) })).toEqual([]);
    expect(skipped).toEqual(["gone"]);
  });
});
