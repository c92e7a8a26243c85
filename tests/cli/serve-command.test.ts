import { describe, expect, test } from "bun:test";
import { connect } from "../../client/client.ts";
import { runCommandLine } from "../../src/cli/run.ts";
import { readFile } from "../../src/vfs/file-system.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { eventually, within } from "../support/eventually.ts";
import { StillClock } from "../wal/still-clock.ts";
import { MemoryWorld, run, type MemoryWorldOptions } from "./memory-world.ts";

/** `holdfast serve` inside this process, on a disk in memory. */
class Serving {
  readonly world: MemoryWorld;
  readonly ended: Promise<number>;

  constructor(options: MemoryWorldOptions = {}, words: readonly string[] = []) {
    this.world = new MemoryWorld(options);
    this.ended = runCommandLine(
      ["serve", "--data", "/data", "--listen", "127.0.0.1:0", ...words],
      this.world,
    );
  }

  /** The URL, once the first line is there. */
  async url(): Promise<string> {
    const line = await eventually("the server is ready", () => this.world.output.text || undefined);
    return line.trim().replace("ready tcp:", "holdfast:");
  }

  get log(): { level: string; msg: string; [field: string]: unknown }[] {
    const lines = this.world.errors.text.split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line));
  }

  async end(): Promise<number> {
    this.world.signal("SIGTERM");
    return within("serve to end", this.ended);
  }
}

describe("serve", () => {
  test("says ready first and nothing else on standard output, and logs JSON", async () => {
    const serving = new Serving();
    const url = await serving.url();
    expect(await serving.end()).toBe(0);
    expect(serving.world.output.text).toMatch(/^ready tcp:\/\/127\.0\.0\.1:\d+\n$/);
    expect(serving.log.map(({ level, msg }) => `${level} ${msg}`)).toEqual([
      "info starting",
      "info recovered",
      "info ready",
      "info ending",
      "info ended",
    ]);
    for (const line of serving.log) expect(line["time"]).toBeWithin(Date.now() - 60_000, Date.now() + 1);
    expect(serving.log[1]).toMatchObject({ segments: 1, seq: 0, entries: 0, tables: 0, bytes: 96 });
    expect(serving.log[2]).toMatchObject({ url });
    expect(serving.log[3]).toMatchObject({ signal: "SIGTERM" });
  });

  test("logs in color and in words on a terminal, and without color where NO_COLOR is set", async () => {
    const logged = async (environment: Record<string, string>) => {
      const serving = new Serving({ isTerminal: true, environment });
      await serving.url();
      await serving.end();
      return serving.world.errors.text;
    };
    expect(await logged({})).toContain("\x1b[32minfo \x1b[0m starting");
    const plain = await logged({ NO_COLOR: "1" });
    expect(plain).toMatch(
      /^\d\d:\d\d:\d\d info {2}starting {2}data=\/data {2}listen=127\.0\.0\.1:0 {2}sync=always/,
    );
    expect(plain).not.toContain("\x1b");
  });

  test("says what recovery found: how much, and where it keeps the tail that a crash had torn", async () => {
    const disk = new MemoryFileSystem();
    const first = new Serving({ fileSystem: disk });
    await using database = await connect(await first.url());
    for (const key of ["a", "b", "a"]) await database.put(key, 1);
    await first.end();
    const segment = disk.open("/data/wal/000000000001.wal");
    const bytes = segment.size();
    segment.write(Buffer.from("torn"), bytes);

    const second = new Serving({ fileSystem: disk });
    await second.url();
    await second.end();
    expect(second.log[1]).toMatchObject({
      msg: "recovered",
      segments: 1,
      seq: 3,
      entries: 2,
      tables: 0,
      bytes,
    });
    const file = `/data/wal/000000000001-${bytes}.torn`;
    expect(second.log[2]).toMatchObject({ level: "warn", file, bytes: 4 });
    expect(second.log[2]!.msg).toContain("torn");
    expect(readFile(disk, file).toString()).toBe("torn");

    const third = new Serving({ fileSystem: disk });
    await third.url();
    await third.end();
    expect(third.log.map(({ msg }) => msg)).not.toContain(second.log[2]!.msg);
  });

  for (const sync of ["none", "10ms"]) {
    test(`--sync ${sync} is warned about once`, async () => {
      const serving = new Serving({}, ["--sync", sync]);
      await using database = await connect(await serving.url(), { onWarning: () => {} });
      await database.put("k", 1);
      expect(await serving.end()).toBe(0);
      expect(serving.log.filter(({ level }) => level === "warn")).toEqual([
        expect.objectContaining({ msg: expect.stringContaining("acknowledged"), sync }),
      ]);
    });
  }

  test("serves on when nobody reads its standard output", async () => {
    const disk = new MemoryFileSystem();
    const world = new MemoryWorld({ fileSystem: disk });
    world.output.failure = Object.assign(new Error("broken pipe"), { code: "EPIPE", syscall: "write" });
    const ended = runCommandLine(["serve", "--data", "/data", "--listen", "127.0.0.1:0"], world);
    const url = await eventually("it is ready", () => /"url":"([^"]*)"/.exec(world.errors.text)?.[1]);
    await using database = await connect(url);
    await database.put("k", 1);
    world.signal("SIGINT");
    expect(await ended).toBe(0);
  });

  test("warns about a disk that forgets", async () => {
    const disk = new MemoryFileSystem();
    for (const directory of ["/proc", "/proc/self", "/data"]) disk.makeDirectory(directory);
    const mounts = disk.create("/proc/self/mounts");
    mounts.write(
      Buffer.from("/dev/sda1 / ext4 rw 0 0\ntmpfs /data tmpfs rw 0 0\nproc /data2 proc rw 0 0\n"),
      0,
    );
    mounts.close();
    const serving = new Serving({ fileSystem: disk });
    await serving.url();
    await serving.end();
    expect(serving.log.filter(({ level }) => level === "warn").map(({ msg }) => msg)).toEqual([
      expect.stringContaining("tmpfs: memory, which forgets everything"),
    ]);
  });
});

describe("the end of serve", () => {
  test("by the first signal is in order, though it comes before the server is ready", async () => {
    const serving = new Serving();
    serving.world.signal("SIGTERM");
    expect(await serving.ended).toBe(0);
    expect(serving.world.output.text).toBe("");
    expect(serving.log.at(-1)!.msg).toBe("ended");
  });

  test("by a second signal is at once, but an echo of the first within 100 ms is none", async () => {
    const clock = new StillClock();
    const serving = new Serving({ clock });
    await serving.url();
    serving.world.signal("SIGINT");
    clock.advance(100);
    serving.world.signal("SIGINT");
    expect(serving.world.exits).toEqual([]);
    clock.advance(1);
    serving.world.signal("SIGINT");
    expect(serving.world.exits).toEqual([130]);
    serving.world.signal("SIGTERM");
    expect(serving.world.exits).toEqual([130, 143]);
    expect(await within("serve to end", serving.ended)).toBe(0);
  });

  test("by a fault of the disk has exit code 70, and says why", async () => {
    const disk = new FailingFileSystem(new MemoryFileSystem());
    const serving = new Serving({ fileSystem: disk });
    await using database = await connect(await serving.url());
    await database.put("k", 1);
    disk.inject({ kind: "datasync", at: 1, error: "EIO" });
    await expect(database.put("k", 2)).rejects.toMatchObject({ code: "UNKNOWN_OUTCOME" });
    expect(await within("serve to end", serving.ended)).toBe(70);
    expect(serving.log.at(-1)).toMatchObject({ level: "error", code: "STORAGE_FAULT" });
    expect(serving.log.at(-1)!.msg).toContain("EIO");
  });

  test("by a fault of the disk while it drains has exit code 70 as well", async () => {
    const disk = new MemoryFileSystem();
    const serving = new Serving({ fileSystem: disk });
    await using database = await connect(await serving.url());
    disk.holdSyncs(true);
    const outcome = database.put("k", 1).catch((error) => error.code);
    const sync = await disk.nextHeldSync();
    serving.world.signal("SIGTERM");
    disk.holdSyncs(false);
    sync.fail();
    expect(await within("serve to end", serving.ended)).toBe(70);
    expect(await outcome).toBe("UNKNOWN_OUTCOME");
  });

  const newest = (disk: MemoryFileSystem, part: string) =>
    `/data/${part}/${disk.list(`/data/${part}`).sort().at(-1)}`;
  const damage = (disk: MemoryFileSystem, path: string) => {
    const file = disk.open(path);
    // In the header of a manifest, and in the footer of a table.
    file.write(Buffer.from([1, 2, 3]), path.endsWith(".table") ? file.size() - 100 : 20);
  };
  const cases: readonly {
    name: string;
    code: number;
    says: string;
    fields?: Record<string, unknown>;
    prepare: (disk: MemoryFileSystem) => FailingFileSystem | void;
  }[] = [
    {
      name: "a damaged log",
      code: 65,
      says: "/data/wal/000000000002.wal at offset 0",
      fields: { code: "WAL_CORRUPT", file: "/data/wal/000000000002.wal", offset: 0, seq: expect.any(Number) },
      prepare: (disk) => damage(disk, "/data/wal/000000000002.wal"),
    },
    {
      name: "a damaged table",
      code: 65,
      says: "Cannot read the table /data/tables/",
      fields: {
        code: "TABLE_CORRUPT",
        file: expect.stringMatching(/^\/data\/tables\/.*\.table$/),
        offset: expect.any(Number),
      },
      prepare: (disk) => damage(disk, newest(disk, "tables")),
    },
    {
      name: "a damaged manifest",
      code: 65,
      says: "Cannot read the manifest /data/manifest/",
      fields: { code: "MANIFEST_CORRUPT", file: expect.stringMatching(/^\/data\/manifest\//), offset: 0 },
      prepare: (disk) => damage(disk, newest(disk, "manifest")),
    },
    {
      name: "a manifest that is gone",
      code: 65,
      says: "there is no manifest of the tables before it",
      fields: { code: "STORE_MISMATCH" },
      prepare: (disk) => disk.unlink(newest(disk, "manifest")),
    },
    {
      name: "a disk that fails while the manifest is written anew",
      code: 70,
      says: "EIO",
      prepare: (disk) =>
        new FailingFileSystem(disk, { faults: [{ kind: "rename", path: "manifest", at: 1, error: "EIO" }] }),
    },
    {
      name: "another process in its directory",
      code: 73,
      says: `process ${process.pid} holds its lock`,
      prepare(disk) {
        disk.lock("/data/wal/LOCK");
      },
    },
    {
      name: "a disk that fails before it is ready",
      code: 70,
      says: "EIO",
      prepare: (disk) => new FailingFileSystem(disk, { faults: [{ kind: "sync", at: 1, error: "EIO" }] }),
    },
    {
      name: "a directory that it may not create",
      code: 74,
      says: "EACCES",
      prepare: () =>
        new FailingFileSystem(new MemoryFileSystem(), {
          faults: [{ kind: "makeDirectory", at: 1, error: "EACCES" }],
        }),
    },
  ];

  for (const { name, code, says, fields = {}, prepare } of cases) {
    test(`for ${name} has exit code ${code}, and the log says why`, async () => {
      const disk = new MemoryFileSystem();
      const before = new Serving({ fileSystem: disk });
      await using database = await connect(await before.url());
      await database.put("k", 1);
      await database.checkpoint();
      await database.put("k", 2);
      await before.end();
      const serving = new Serving({ fileSystem: prepare(disk) ?? disk });
      expect(await within("serve to end", serving.ended)).toBe(code);
      expect(serving.world.output.text).toBe("");
      expect(serving.log.at(-1)).toMatchObject({
        level: "error",
        msg: expect.stringContaining(says),
        ...fields,
      });
    });
  }

  test("for a port that is taken has exit code 69, and lets the directory go", async () => {
    using taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const disk = new MemoryFileSystem();
    const { code, output, errors } = await run(
      ["serve", "--data", "/data", "--listen", `127.0.0.1:${taken.port}`],
      { fileSystem: disk },
    );
    expect({ code, output }).toEqual({ code: 69, output: "" });
    expect(errors).toContain(`Cannot listen on 127.0.0.1:${taken.port}: another process does`);
    disk.lock("/data/wal/LOCK").release();
  });
});

describe("settings", () => {
  test("come from the environment, and flags beat them", async () => {
    const environment = {
      HOLDFAST_SYNC: "none",
      HOLDFAST_LISTEN: "127.0.0.1:1",
      HOLDFAST_DATA: "/elsewhere",
    };
    const serving = new Serving({ environment });
    await serving.url();
    await serving.end();
    expect(serving.log[0]).toMatchObject({ data: "/data", listen: "127.0.0.1:0", sync: "none" });
  });

  test("that are empty in the environment are not set", async () => {
    const serving = new Serving({ environment: { HOLDFAST_SYNC: "", HOLDFAST_ALLOW_REMOTE: "" } });
    await serving.url();
    await serving.end();
    expect(serving.log[0]).toMatchObject({ sync: "always" });
  });

  test("--segment-bytes-max makes segments that small", async () => {
    const serving = new Serving({}, ["--segment-bytes-max", "1024"]);
    await using database = await connect(await serving.url());
    await Promise.all(Array.from({ length: 20 }, (_, index) => database.put(`k${index}`, "x".repeat(100))));
    const { store } = (await database.stats()) as { store: { segments: number; flushes: number } };
    expect(store.segments + store.flushes).toBeGreaterThan(2);
    await serving.end();
  });

  test("--greedy-write-rate-max holds a busy writer back while another client is there, and no longer", async () => {
    const serving = new Serving({}, ["--greedy-write-rate-max", "1"]);
    const url = await serving.url();
    await using quiet = await connect(url);
    await using busy = await connect(url);
    let isThere = true;
    const visiting = (async () => {
      while (isThere) await Promise.all([quiet.get("a"), Bun.sleep(2)]);
    })();
    const puts: Promise<unknown>[] = [];
    let answered = 0;
    // Without a limit they are answered as quickly as they are asked.
    while (puts.length - answered < 1_000 && puts.length < 16_000) {
      const slice = Array.from({ length: 50 }, () => busy.put("b", "x".repeat(1_000)).then(() => answered++));
      puts.push(...slice);
      await Bun.sleep(2);
    }
    expect(puts.length - answered).toBeGreaterThanOrEqual(1_000);
    isThere = false;
    await visiting;
    await Promise.all(puts);
    expect(serving.log[0]).toMatchObject({ greedyWriteBytesPerSecondMax: 1 });
    await serving.end();
  });

  test("--greedy-write-rate-max of nothing at all is refused before the store is touched", async () => {
    const serving = new Serving({}, ["--greedy-write-rate-max", "0"]);
    expect(await serving.ended).toBe(2);
    expect(serving.world.errors.text).toContain("from 1 to 9007199254740991 (from --greedy-write-rate-max)");
    expect(serving.world.fileSystem.exists("/data")).toBe(false);
  });

  test("--allow-remote lets others connect", async () => {
    const world = new MemoryWorld();
    const ended = runCommandLine(["serve", "--data", "/d", "--listen", "0.0.0.0:0", "--allow-remote"], world);
    await eventually("it is ready", () => /^ready tcp:\/\/0\.0\.0\.0:\d+\n$/.test(world.output.text));
    world.signal("SIGTERM");
    expect(await ended).toBe(0);
  });
});
