import { describe, expect, test } from "bun:test";
import { readManifest } from "../../src/manifest/read-manifest.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { EngineDriver } from "../engine/engine-driver.ts";
import { dataDirectory, filesOf, richStore, smallSizes, withFile } from "../offline/rich-store.ts";
import { run } from "./memory-world.ts";

/** One with a store, and the path of its newest manifest. */
async function exampleDisk(): Promise<{ disk: MemoryFileSystem; manifest: string }> {
  const disk = await richStore(1);
  return { disk, manifest: readManifest(disk, `${dataDirectory}/manifest`)!.file };
}

describe("check", () => {
  test("calls a store clean, and says how much there is of it", async () => {
    const { disk } = await exampleDisk();
    const { code, output, errors } = await run(["check", dataDirectory], { fileSystem: disk });
    expect({ code, errors }).toEqual({ code: 0, errors: "" });
    expect(output).toMatch(
      /^clean\n\d+ entries in \d+ tables up to seq \d+, the log up to seq \d+ in \d+ segments, \d+ bytes of \/data\n$/,
    );
  });

  test("says the same as JSON", async () => {
    const { disk } = await exampleDisk();
    const { code, output } = await run(["check", "--json", dataDirectory], { fileSystem: disk });
    expect(code).toBe(0);
    const report = JSON.parse(output);
    expect(report).toMatchObject({ verdict: "clean", directory: dataDirectory, findings: [], notes: [] });
    expect(Object.keys(report).sort()).toEqual(
      [
        "verdict",
        "directory",
        "findings",
        "notes",
        "segments",
        "tables",
        "entries",
        "bytes",
        "coveredSeq",
        "lastSeq",
      ].sort(),
    );
  });

  test("exits 1 for damage, and names every place", async () => {
    const { disk } = await exampleDisk();
    const paths = [...filesOf(disk).keys()].filter((path) => path.endsWith(".table")).slice(0, 2);
    let damaged = disk;
    for (const path of paths) {
      const bytes = Buffer.from(filesOf(damaged).get(path)!);
      bytes[40]! ^= 1;
      damaged = withFile(damaged, path, bytes);
    }
    const words = await run(["check", dataDirectory], { fileSystem: damaged });
    expect(words.code).toBe(1);
    const lines = words.output.split("\n").filter((line) => line.startsWith("corrupt at "));
    expect(lines.sort()).toEqual(
      paths.sort().map((path) => `corrupt at ${path}:0: the checksum of block 0 does not match`),
    );
    expect(words.output).not.toContain("clean");
    const json = await run(["check", "--json", dataDirectory], { fileSystem: damaged });
    expect(json.code).toBe(1);
    expect(JSON.parse(json.output)).toMatchObject({
      verdict: "corrupt",
      findings: [{ kind: "corrupt" }, { kind: "corrupt" }],
    });
  });

  test("exits 3 for what a crash left half written", async () => {
    const { disk, manifest } = await exampleDisk();
    const torn = withFile(disk, manifest, filesOf(disk).get(manifest)!.subarray(0, -1));
    const { code, output } = await run(["check", dataDirectory], { fileSystem: torn });
    expect(code).toBe(3);
    expect(output).toMatch(/^torn at \/data\/manifest\/\d{12}\.manifest:\d+: .*; the next start mends it\n/);
    const json = await run(["check", "--json", dataDirectory], { fileSystem: torn });
    expect(JSON.parse(json.output).verdict).toBe("torn");
    // Damage beside it is the worse news.
    const both = withFile(
      torn,
      [...filesOf(torn).keys()].find((path) => path.endsWith(".table"))!,
      undefined,
    );
    expect((await run(["check", dataDirectory], { fileSystem: both })).code).toBe(1);
  });

  test("mentions what a crash left over", async () => {
    const { disk } = await exampleDisk();
    disk.create("/data/tables/000000000001.table.tmp").close();
    const { code, output } = await run(["check", "/data/"], { fileSystem: disk });
    expect(code).toBe(0);
    expect(output).toStartWith(
      "clean\nfile /data/tables/000000000001.table.tmp  was being written when a process ended; the next start deletes it\n",
    );
  });

  test("exits 66 where there is no store, and 73 where somebody has it open", async () => {
    const { disk } = await exampleDisk();
    const nowhere = await run(["check", "/nowhere"], { fileSystem: disk });
    expect(nowhere.code).toBe(66);
    expect(nowhere.errors).toStartWith(
      "holdfast: Cannot check /nowhere: there is no store in it; name the data directory",
    );
    const driver = await EngineDriver.open(disk, smallSizes);
    const open = await run(["check", dataDirectory], { fileSystem: disk });
    expect(open.code).toBe(73);
    expect(open.errors).toStartWith(`holdfast: Cannot check /data: process ${process.pid} has it open; `);
    await driver.engine.close();
    expect((await run(["check", dataDirectory], { fileSystem: disk })).code).toBe(0);
  });
});

describe("backup and restore", () => {
  test("bring a store to another place and back, and say what there is", async () => {
    const { disk } = await exampleDisk();
    const backup = await run(["backup", dataDirectory, "/backups/monday/"], { fileSystem: disk });
    expect(backup).toEqual({
      code: 0,
      errors: "",
      output: expect.stringMatching(
        /^\/backups\/monday\/ {2}everything up to seq \d+, checked; \d+ tables linked, 0 copied, \d+ bytes written\n$/,
      ),
    });
    const restore = await run(["restore", "--json", "/backups/monday", "/data2"], { fileSystem: disk });
    expect(restore.code).toBe(0);
    const report = JSON.parse(restore.output);
    expect(report).toMatchObject({
      tablesLinked: 0,
      attempts: 1,
      check: { directory: "/data2", findings: [] },
    });
    expect(report.tablesCopied).toBeGreaterThan(3);
    expect((await run(["check", "/data2"], { fileSystem: disk })).code).toBe(0);
    const [original, restored] = [
      await EngineDriver.open(disk, smallSizes),
      await EngineDriver.open(disk, { ...smallSizes, directory: "/data2" }),
    ];
    expect(restored.all()).toEqual(original.all());
    await original.engine.close();
    await restored.engine.close();
  });

  test("copies tables with --copy", async () => {
    const { disk } = await exampleDisk();
    const { output } = await run(["backup", "--copy", dataDirectory, "/backup"], { fileSystem: disk });
    expect(output).toMatch(/; 0 tables linked, \d{2} copied, /);
  });

  for (const { name, words, code, says } of [
    {
      name: "there is no store",
      words: ["backup", "/nowhere", "/backup"],
      code: 66,
      says: "Cannot copy /nowhere: there is no store",
    },
    {
      name: "there is no backup",
      words: ["restore", "/nowhere", "/data2"],
      code: 66,
      says: "Cannot copy /nowhere: there is no store",
    },
    {
      name: "the new directory is there",
      words: ["restore", "/data", "/data"],
      code: 74,
      says: "it exists already; name a new directory",
    },
    {
      name: "it lies inside",
      words: ["backup", "/data", "/data/backup"],
      code: 2,
      says: "that lies inside of it; name a directory elsewhere\nExample: holdfast backup",
    },
  ]) {
    test(`exit ${code} if ${name}`, async () => {
      const { disk } = await exampleDisk();
      const ended = await run(words, { fileSystem: disk });
      expect({ code: ended.code, output: ended.output }).toEqual({ code, output: "" });
      expect(ended.errors).toContain(says);
      expect(disk.list("/")).toEqual(["data"]);
    });
  }

  test("exit 65 for a damaged store, and 74 if the disk has no room, and leave nothing", async () => {
    const { disk } = await exampleDisk();
    const table = [...filesOf(disk).keys()].find((path) => path.endsWith(".table"))!;
    const damaged = withFile(disk, table, undefined);
    const bad = await run(["backup", dataDirectory, "/backup"], { fileSystem: damaged });
    expect(bad.code).toBe(65);
    expect(bad.errors).toStartWith(
      `holdfast: Cannot read the table ${table} at offset 0: the file is missing; `,
    );
    expect(damaged.list("/")).toEqual(["data"]);
    const full = new FailingFileSystem(disk, {
      faults: [{ kind: "write", at: 2, sticky: true, error: "ENOSPC" }],
    });
    const ended = await run(["backup", dataDirectory, "/backup"], { fileSystem: full });
    expect(ended.code).toBe(74);
    expect(ended.errors).toMatch(
      /^holdfast: Cannot copy \/data to \/backup: ENOSPC: .*; nothing was kept\. Mend that, and try again\n$/,
    );
    expect(disk.list("/")).toEqual(["data"]);
  });
});
