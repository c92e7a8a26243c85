import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { run } from "./memory-world.ts";

/** table dump, table verify and manifest dump, on the golden files of their formats. */

const tablePath = "/000000000012.table";
const manifestPath = "/data/manifest/000000000001.manifest";

function goldenTable(name: string): Promise<Buffer> {
  return contentOf(`../table/golden/${name}-v1/000000000012.table`);
}

async function contentOf(path: string): Promise<Buffer> {
  return Buffer.from(await Bun.file(join(import.meta.dir, path)).bytes());
}

/** A disk with one file. */
function diskWith(path: string, bytes: Uint8Array): MemoryFileSystem {
  const disk = new MemoryFileSystem();
  const names = path.split("/").slice(1, -1);
  for (let count = 1; count <= names.length; count++)
    disk.makeDirectory(`/${names.slice(0, count).join("/")}`);
  const file = disk.create(path);
  file.write(bytes, 0);
  file.close();
  return disk;
}

function flipped(bytes: Buffer, offset: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[offset]! ^= 1;
  return changed;
}

async function expectGolden(name: string, output: string): Promise<void> {
  const golden = join(import.meta.dir, "golden", name);
  if (process.env["UPDATE_GOLDEN"] === "1") await Bun.write(golden, output);
  expect(output).toBe(await Bun.file(golden).text());
}

const linesOf = (output: string): any[] =>
  output
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("table verify", () => {
  test("calls a table clean, and says how much there is of it", async () => {
    const fileSystem = diskWith(tablePath, await goldenTable("versions"));
    expect(await run(["table", "verify", tablePath], { fileSystem })).toEqual({
      code: 0,
      errors: "",
      output: `clean\n4 entries, 1 tombstone among them, of the versions 100 to 300, in ${fileSystem.openRead(tablePath).size()} bytes of ${tablePath}\n`,
    });
    const { output } = await run(["table", "verify", "--json", tablePath], { fileSystem });
    expect(JSON.parse(output)).toMatchObject({
      kind: "report",
      verdict: "clean",
      file: tablePath,
      table: { number: 12, entryCount: 4, tombstoneCount: 1, firstKey: "apple", lastKey: "banana" },
    });
  });

  test("finds every byte that is another, and says where", async () => {
    const bytes = await goldenTable("restarts");
    for (let offset = 0; offset < bytes.length; offset++) {
      const fileSystem = diskWith(tablePath, flipped(bytes, offset));
      const { code, output } = await run(["table", "verify", "--json", tablePath], { fileSystem });
      const report = JSON.parse(output);
      expect({ offset, code, ...report }).toMatchObject({ code: 1, verdict: "corrupt", file: tablePath });
    }
  });

  test("says in words what it found", async () => {
    const fileSystem = diskWith(tablePath, flipped(await goldenTable("blocks"), 10));
    const { code, output } = await run(["table", "verify", tablePath], { fileSystem });
    expect({ code, output }).toEqual({
      code: 1,
      output: `corrupt at ${tablePath}:0\nthe checksum of block 0 does not match\n`,
    });
  });

  for (const command of ["verify", "dump"]) {
    test(`exits 66 where there is no file, or a directory (${command})`, async () => {
      const fileSystem = diskWith("/tables/000000000012.table", Buffer.alloc(0));
      for (const path of ["/nowhere", "/tables"]) {
        const { code, output, errors } = await run(["table", command, path], { fileSystem });
        expect({ path, code, output }).toEqual({ path, code: 66, output: "" });
        expect(errors).toStartWith(`holdfast: Cannot read the table ${path}: `);
      }
    });
  }
});

describe("table dump", () => {
  test("shows the table, its blocks and its entries", async () => {
    const versions = await run(["table", "dump", tablePath], {
      fileSystem: diskWith(tablePath, await goldenTable("versions")),
    });
    const blocks = await run(["table", "dump", tablePath], {
      fileSystem: diskWith(tablePath, await goldenTable("blocks")),
    });
    expect([versions.code, blocks.code]).toEqual([0, 0]);
    await expectGolden("table-dump.txt", `${versions.output}\n${blocks.output}`);
  });

  test("shows the same as JSON, one object a line, and bytes that are no text in hexadecimal", async () => {
    const fileSystem = diskWith(tablePath, await goldenTable("wide-numbers"));
    const { code, output } = await run(["table", "dump", "--json", tablePath], { fileSystem });
    expect(code).toBe(0);
    const items = linesOf(output);
    expect(items.map(({ kind }) => kind)).toEqual([
      "table",
      "block",
      "entry",
      "entry",
      "entry",
      "entry",
      "entry",
      "entry",
      "report",
    ]);
    expect(items[0]).toMatchObject({
      file: tablePath,
      number: 12,
      entryCount: 6,
      hashSeed: "d00ff00d",
      firstKey: "first",
      lastKeyHex: "ff00ff",
    });
    expect(items[2]).toEqual({
      kind: "entry",
      block: 0,
      version: 2 ** 53 - 1,
      isTombstone: false,
      keyBytes: 5,
      valueBytes: 16,
      valueOffset: expect.any(Number),
      keyHead: "first",
      valueHead: "the last version",
    });
    expect(items[5]).toMatchObject({ keyBytes: 300, keyHead: "k".repeat(64) });
    expect(items[7]).toMatchObject({ keyHeadHex: "ff00ff", valueHeadHex: "00ff" });
    expect(items[8]).toMatchObject({ kind: "report", verdict: "clean", table: { number: 12 } });
  });

  test("shows a value where the file has it", async () => {
    const bytes = await goldenTable("versions");
    const { output } = await run(["table", "dump", "--json", tablePath], {
      fileSystem: diskWith(tablePath, bytes),
    });
    for (const { kind, valueHead, valueOffset } of linesOf(output)) {
      if (kind === "entry")
        expect(bytes.toString("latin1", valueOffset, valueOffset + valueHead.length)).toBe(valueHead);
    }
  });

  test("shows keys and values in hexadecimal with --hex", async () => {
    const fileSystem = diskWith(tablePath, await goldenTable("one-entry"));
    const { output } = await run(["table", "dump", "--hex", tablePath], { fileSystem });
    expect(output).toContain("  6b6579  version 1  5 bytes 76616c7565\n");
    expect(output).toContain("  6b6579 to 6b6579  ");
    const json = await run(["table", "dump", "--hex", "--json", tablePath], { fileSystem });
    expect(linesOf(json.output)[2]).toMatchObject({ keyHeadHex: "6b6579", valueHeadHex: "76616c7565" });
  });

  test("shows what comes before damage, and then the verdict", async () => {
    const bytes = await goldenTable("blocks");
    const whole = linesOf(
      (await run(["table", "dump", "--json", tablePath], { fileSystem: diskWith(tablePath, bytes) })).output,
    );
    const damaged = whole.filter(({ kind }) => kind === "block")[2];
    const fileSystem = diskWith(tablePath, flipped(bytes, damaged.offset + 5));
    const { code, output } = await run(["table", "dump", "--json", tablePath], { fileSystem });
    expect(code).toBe(1);
    const shown = linesOf(output);
    expect(shown.slice(0, -1)).toEqual(whole.slice(0, whole.indexOf(damaged)));
    expect(shown.at(-1)).toEqual({
      kind: "report",
      verdict: "corrupt",
      file: tablePath,
      offset: damaged.offset,
      problem: "the checksum of block 2 does not match",
    });
  });

  test("finds damage that it could do without, in the filter", async () => {
    const bytes = await goldenTable("restarts");
    const [{ filterOffset }] = linesOf(
      (await run(["table", "dump", "--json", tablePath], { fileSystem: diskWith(tablePath, bytes) })).output,
    );
    const fileSystem = diskWith(tablePath, flipped(bytes, filterOffset + 3));
    const { code, output } = await run(["table", "dump", tablePath], { fileSystem });
    expect(code).toBe(1);
    expect(output).toContain(`\ncorrupt at ${tablePath}:${filterOffset}\n`);
  });
});

describe("manifest dump", () => {
  const golden = () => contentOf("../manifest/golden/flush-and-compaction-v2/000000000001.manifest");

  test("shows every edit, and the verdict, of a data directory, a directory of manifests, and a file", async () => {
    const fileSystem = diskWith(manifestPath, await golden());
    const { code, output } = await run(["manifest", "dump", "/data"], { fileSystem });
    expect(code).toBe(0);
    await expectGolden("manifest-dump.txt", output);
    for (const path of ["/data/", "/data/manifest", manifestPath]) {
      expect(await run(["manifest", "dump", path], { fileSystem })).toEqual({ code: 0, output, errors: "" });
    }
  });

  test("shows the same as JSON, one object a line", async () => {
    const fileSystem = diskWith(manifestPath, await golden());
    const { output } = await run(["manifest", "dump", "--json", "/data"], { fileSystem });
    const [file, first, flush, compaction, report, ...rest] = linesOf(output);
    expect(rest).toEqual([]);
    expect(file).toEqual({
      kind: "manifest",
      file: manifestPath,
      bytes: 599,
      number: 1,
      storeId: "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
      hashSeed: "5eed5eed",
    });
    expect(first).toMatchObject({
      kind: "edit",
      editNumber: 0,
      offset: 44,
      bytes: 76,
      added: [],
      removed: [],
    });
    expect(flush).toMatchObject({
      editNumber: 1,
      offset: 120,
      coveredSeq: 10,
      nextTableNumber: 2,
      segmentNumber: 2,
      durableSeq: 10,
    });
    expect(compaction).toMatchObject({
      removed: [1],
      added: [
        { number: 2, level: 1, firstKey: "apple", lastKey: "fig", fileChecksum: "c0de0002" },
        { number: 3, level: 1, firstKey: "grape", lastKey: "melon", fileChecksum: "c0de0003" },
      ],
    });
    expect(report).toMatchObject({
      kind: "report",
      verdict: "clean",
      file: manifestPath,
      isSealed: true,
      state: { coveredSeq: 10, tables: [{ number: 2 }, { number: 3 }] },
    });
    const hex = await run(["manifest", "dump", "--hex", "/data"], { fileSystem });
    expect(hex.output).toContain("6170706c65 to 6d656c6f6e");
  });

  test("shows the newest manifest of a directory, and another one if its file is named", async () => {
    const fileSystem = diskWith(manifestPath, await golden());
    const newer = "/data/manifest/000000000002.manifest";
    const reopened = await contentOf("../manifest/golden/reopened-v2/000000000002.manifest");
    fileSystem.create(newer).write(reopened, 0);
    expect((await run(["manifest", "dump", "/data"], { fileSystem })).output).toStartWith(
      `manifest 2  ${newer}  `,
    );
    expect((await run(["manifest", "dump", manifestPath], { fileSystem })).output).toStartWith(
      `manifest 1  ${manifestPath}  `,
    );
    // One that was put elsewhere says itself which one it is; but where its name says so too, the two must agree.
    fileSystem.create("/copy-of-manifest").write(reopened, 0);
    expect((await run(["manifest", "dump", "/copy-of-manifest"], { fileSystem })).code).toBe(0);
    fileSystem.rename(newer, "/data/manifest/000000000003.manifest");
    const misnamed = await run(["manifest", "dump", "/data/manifest/000000000003.manifest"], { fileSystem });
    expect(misnamed).toMatchObject({
      code: 1,
      output: expect.stringContaining("its header says manifest 2"),
    });
  });

  test("shows the edits before damage, and exits 1; and exits 3 for what a crash cut", async () => {
    const bytes = await golden();
    const damaged = await run(["manifest", "dump", "/data"], {
      fileSystem: diskWith(manifestPath, flipped(bytes, 320)),
    });
    expect(damaged.code).toBe(1);
    expect(damaged.output).toMatch(
      /\n {2}edit 1 @120 [^\n]*\n[^\n]*\ncorrupt at \/data\/manifest\/000000000001\.manifest:315\n/,
    );
    expect(damaged.output).not.toContain("edit 2");

    const torn = diskWith(manifestPath, bytes.subarray(0, 500));
    const cut = await run(["manifest", "dump", "/data"], { fileSystem: torn });
    expect(cut.code).toBe(3);
    expect(cut.output).toContain(
      `\ntorn tail at 315 of ${manifestPath}: 185 bytes, the file ends 63 bytes before its edit does\na crash cut it`,
    );
    expect(
      linesOf((await run(["manifest", "dump", "--json", "/data"], { fileSystem: torn })).output).at(-1),
    ).toMatchObject({
      verdict: "torn",
      file: manifestPath,
      offset: 315,
      bytes: 185,
      state: { tables: [{ number: 1 }] },
    });

    const unsealed = await run(["manifest", "dump", "/data"], {
      fileSystem: diskWith(manifestPath, bytes.subarray(0, 563)),
    });
    expect(unsealed).toMatchObject({
      code: 0,
      output: expect.stringContaining("\nclean\nthe last edit has no seal: "),
    });
  });

  test("shows a file that is no manifest as damaged", async () => {
    const fileSystem = diskWith(manifestPath, Buffer.from("HOLDMANI, cut"));
    const { code, output } = await run(["manifest", "dump", "/data"], { fileSystem });
    expect({ code, output }).toEqual({
      code: 1,
      output:
        `manifest  ${manifestPath}  13 bytes\ncorrupt at ${manifestPath}:0\n` +
        "it has 13 bytes, fewer than a manifest's header of 44\n",
    });
  });

  test("exits 66 where there is none", async () => {
    const fileSystem = diskWith("/data/wal/LOCK", Buffer.alloc(0));
    for (const path of ["/data", "/data/wal", "/nowhere"]) {
      const { code, errors } = await run(["manifest", "dump", path], { fileSystem });
      expect({ path, code }).toEqual({ path, code: 66 });
      expect(errors).toStartWith(`holdfast: Cannot read a manifest in ${path}: `);
    }
  });
});
