import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { readFile } from "../../src/vfs/file-system.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { encodeHolder } from "../../src/vfs/lock-holder.ts";
import { segmentName } from "../../src/wal/directory.ts";
import { diskWith, filesOf, groupOffsets, withBitFlipped, withFile, type Files } from "../wal/disk-files.ts";
import { del, logDirectory, openTestLog, put } from "../wal/log-fixture.ts";
import { run } from "./memory-world.ts";

/** Two segments; the last one ends with a batch, a put and a put, each a group, and no seal. */
async function exampleFiles(): Promise<Files> {
  const disk = new MemoryFileSystem();
  const log = await openTestLog(disk, { segmentBytesMax: 640 });
  await log.append(put("users/1", "Ada"));
  await log.append(put("note", "two\nlines"));
  await log.append(del("users/1"));
  await log.append(put("long", 100));
  await log.appendBatch([put("users/2", "Grace"), del("note"), put("ünïcödé", "ß")]);
  await log.append({
    type: "put",
    key: new Uint8Array([0xff, 0x00]),
    value: "",
    expiresAtMs: 1_700_000_000_000,
    session: { id: Buffer.alloc(16, 7), requestNumber: 9 },
  });
  await log.append(put("last", "one"));
  // As SIGKILL leaves it: nothing vouches for the last group.
  return filesOf(disk.crash({ unsynced: "kept" }));
}

async function verify(files: Files): Promise<{ code: number; report: any }> {
  const { code, output } = await run(["wal", "verify", "--json", logDirectory], {
    fileSystem: await diskWith(files),
  });
  return { code, report: JSON.parse(output) };
}

/** The seqs of all records that wal dump shows. */
async function dumpedSeqs(files: Files): Promise<number[]> {
  const { output } = await run(["wal", "dump", "--json", logDirectory], {
    fileSystem: await diskWith(files),
  });
  const lines = output.trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line)).flatMap(({ kind, seq }) => (kind === "record" ? [seq] : []));
}

/** The same disk, with `before` called each time that a file is about to be opened for reading. */
function watchedReads(disk: MemoryFileSystem, path: string, before: () => void): FailingFileSystem {
  return new FailingFileSystem(disk, {
    onCall: (call) => {
      if (call.kind === "openRead" && call.path === path) before();
    },
  });
}

const range = (end: number) => Array.from({ length: end }, (_, index) => index + 1);

describe("wal verify", () => {
  test("calls a log clean, and says how much there is of it", async () => {
    const { code, report } = await verify(await exampleFiles());
    expect(code).toBe(0);
    expect(report).toEqual({
      kind: "report",
      verdict: "clean",
      log: {
        directory: "/data/log",
        segments: 2,
        groups: 7,
        records: 10,
        bytes: 872,
        floorSeq: 0,
        lastSeq: 10,
      },
    });
  });

  test("calls a tail torn or clean that was cut anywhere in the last two groups, the records before it all there", async () => {
    const files = await exampleFiles();
    const name = [...files.keys()].at(-1)!;
    const segment = files.get(name)!;
    const [secondToLast, last] = groupOffsets(segment).slice(-2) as [number, number];
    const { lastSeq } = (await verify(files)).report.log;
    for (let bytes = secondToLast; bytes <= segment.length; bytes++) {
      const cut = withFile(files, name, segment.subarray(0, bytes));
      const isWhole = bytes === secondToLast || bytes === last || bytes === segment.length;
      const records = lastSeq - (bytes < last ? 2 : bytes < segment.length ? 1 : 0);
      const { code, report } = await verify(cut);
      expect({ bytes, code, verdict: report.verdict, records: report.log.records }).toEqual({
        bytes,
        code: isWhole ? 0 : 3,
        verdict: isWhole ? "clean" : "torn",
        records,
      });
      if (!isWhole) expect(report.offset).toBe(bytes < last ? secondToLast : last);
      expect(await dumpedSeqs(cut)).toEqual(range(records));
    }
  });

  test("calls a log corrupt that has any bit flipped before its last group, naming a place at or before it", async () => {
    const files = await exampleFiles();
    const names = [...files.keys()];
    for (const name of names) {
      const bytes = files.get(name)!;
      const end = name === names.at(-1) ? groupOffsets(bytes).at(-1)! : bytes.length;
      for (let offset = 0; offset < end; offset++) {
        for (let bit = 0; bit < 8; bit++) {
          const { code, report } = await verify(withFile(files, name, withBitFlipped(bytes, offset, bit)));
          if (code !== 1 || report.verdict !== "corrupt" || report.file > `${logDirectory}/${name}`) {
            throw new Error(`${name}, offset ${offset}, bit ${bit}: ${code} ${JSON.stringify(report)}`);
          }
          if (report.file === `${logDirectory}/${name}`) expect(report.offset).toBeLessThanOrEqual(offset);
        }
      }
    }
  });

  test("calls a missing segment corruption, and a foreign file", async () => {
    const files = await exampleFiles();
    const missing = await verify(withFile(files, segmentName(1), undefined));
    expect(missing).toMatchObject({
      code: 1,
      report: { verdict: "corrupt", file: `/data/log/${segmentName(1)}`, seq: 1 },
    });
    const foreign = await verify(withFile(files, "holiday.jpg", Buffer.from("sun")));
    expect(foreign).toMatchObject({ code: 1, report: { verdict: "corrupt", file: "/data/log/holiday.jpg" } });
  });

  test("says in words what it found", async () => {
    const files = await exampleFiles();
    const name = segmentName(2);
    const bytes = files.get(name)!;
    const last = groupOffsets(bytes).at(-1)!;
    const inWords = async (changed: Files) =>
      (await run(["wal", "verify", logDirectory], { fileSystem: await diskWith(changed) })).output.split(
        "\n",
      );

    expect(await inWords(files)).toEqual([
      "clean",
      "10 records, up to seq 10, in 7 groups, 2 segments and 872 bytes of /data/log",
      "",
    ]);
    expect(await inWords(withFile(files, name, bytes.subarray(0, bytes.length - 1)))).toEqual([
      `torn tail at ${last} of /data/log/${name}: 70 bytes, the file ends 1 bytes before the group does`,
      "a crash cut it; the next start keeps these bytes aside and goes on before them",
      "9 records can be read, up to seq 9, in 6 groups, 2 segments and 871 bytes of /data/log",
      "",
    ]);
    const [verdict, message] = await inWords(withFile(files, name, withBitFlipped(bytes, 100, 0)));
    expect(verdict).toBe(`corrupt at /data/log/${name}:96 (seq 5)`);
    expect(message).toStartWith(
      "no group's header is there, or its checksum does not match, and the group at ",
    );
  });

  test("takes the data directory of a server as well", async () => {
    const log = await diskWith(await exampleFiles());
    log.makeDirectory("/data");
    log.rename(logDirectory, "/data/wal");
    const { code, output } = await run(["wal", "verify", "--json", "/data"], { fileSystem: log });
    expect(code).toBe(0);
    expect(JSON.parse(output).log.directory).toBe("/data/wal");
  });

  test("calls an empty directory a clean log", async () => {
    const fileSystem = new MemoryFileSystem();
    fileSystem.makeDirectory("/data");
    fileSystem.makeDirectory("/data/log");
    const { code, output } = await run(["wal", "verify", "/data/log"], { fileSystem });
    expect({ code, output }).toEqual({
      code: 0,
      output:
        "clean\n0 records, nothing was ever written, in 0 groups, 0 segments and 0 bytes of /data/log\n",
    });
  });

  test("exits 66 where there is no log at all", async () => {
    const fileSystem = new MemoryFileSystem();
    fileSystem.makeDirectory("/photos");
    fileSystem.create("/photos/holiday.jpg").close();
    for (const path of ["/nowhere", "/photos"]) {
      const { code, errors } = await run(["wal", "verify", path], { fileSystem });
      expect({ path, code }).toEqual({ path, code: 66 });
      expect(errors).toStartWith(`holdfast: Cannot read a log in ${path}: `);
    }
  });

  test("changes nothing, and takes no lock", async () => {
    const disk = await diskWith(await exampleFiles());
    const before = disk.listAll();
    disk.lock("/data/log/LOCK");
    expect((await run(["wal", "verify", logDirectory], { fileSystem: disk })).code).toBe(0);
    expect((await run(["wal", "dump", logDirectory], { fileSystem: disk })).code).toBe(0);
    expect(disk.listAll()).toEqual({ ...before, "/data/log/LOCK": 0 });
  });

  test("looks again when a log that is in use seems torn: what is half written passes", async () => {
    const files = await exampleFiles();
    const disk = await diskWith(files);
    const path = `/data/log/${segmentName(2)}`;
    const whole = files.get(segmentName(2))!;
    const torn = disk.open(path);
    torn.truncate(whole.length - 1);
    const lock = disk.create("/data/log/LOCK");
    lock.write(encodeHolder(process.ppid), 0);
    // The writer finishes its group after the first look.
    let looks = 0;
    const fileSystem = watchedReads(disk, path, () => {
      if (looks++ > 0) torn.write(whole.subarray(-1), whole.length - 1);
    });
    const { code, output } = await run(["wal", "verify", logDirectory], { fileSystem });
    expect(code).toBe(0);
    expect(looks).toBe(2);
    expect(output).toContain(`process ${process.ppid} seems to have it open`);
  });
});

describe("wal dump", () => {
  test("shows every segment, group and record", async () => {
    const { code, output } = await run(["wal", "dump", logDirectory], {
      fileSystem: await diskWith(await exampleFiles()),
    });
    expect(code).toBe(0);
    const golden = join(import.meta.dir, "golden/dump.txt");
    if (process.env["UPDATE_GOLDEN"] === "1") await Bun.write(golden, output);
    expect(output).toBe(await Bun.file(golden).text());
  });

  test("shows the same as JSON, one object a line", async () => {
    const files = await exampleFiles();
    const { output } = await run(["wal", "dump", "--json", logDirectory], {
      fileSystem: await diskWith(files),
    });
    const entries = output
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(entries.map(({ kind }) => kind).join(" ")).toBe(
      "segment group record group record group record group record " +
        "segment group record record record record group record group record report",
    );
    expect(entries[2]).toEqual({
      kind: "record",
      offset: 152,
      bytes: 18,
      seq: 1,
      type: "put",
      inBatch: false,
      isTruncated: false,
      keyBytes: 7,
      valueBytes: 3,
      keyHead: "users/1",
      valueHead: "Ada",
    });
    expect(entries.find(({ seq }) => seq === 9)).toMatchObject({
      keyHeadHex: "ff00",
      valueBytes: 0,
      expiresAtMs: 1_700_000_000_000,
      session: { id: "07".repeat(16), requestNumber: 9 },
    });
  });

  test("goes on behind damage, and shows what is left there", async () => {
    const files = await exampleFiles();
    const name = segmentName(1);
    const bytes = files.get(name)!;
    const [, second] = groupOffsets(bytes) as [number, number];
    const { code, output } = await run(["wal", "dump", logDirectory], {
      fileSystem: await diskWith(withFile(files, name, withBitFlipped(bytes, second + 60, 3))),
    });
    expect(code).toBe(1);
    const lines = output.split("\n");
    const damage = lines.findIndex((line) => line.includes("can't be used"));
    expect(lines[damage]).toBe(
      `  @${second}  ${bytes.length - second} bytes of /data/log/${name} can't be used: the checksum of its payload does not match`,
    );
    expect(lines.slice(damage + 1, damage + 4).map((line) => line.slice(0, 25))).toEqual([
      `  behind it: group @${second}  `,
      `  behind it: group @${groupOffsets(bytes)[2]}  `,
      `  behind it: group @${groupOffsets(bytes)[3]}  `,
    ]);
    expect(output).toContain("segment 2  ");
    expect(output).toContain(`\ncorrupt at /data/log/${name}:${second} (seq 2)\n`);
  });

  test("shows tails that were cut, files that nobody finished and foreign ones", async () => {
    const files = await exampleFiles();
    const more = new Map([
      ...files,
      ["000000000001-96.torn", Buffer.from("x")],
      ["000000000003.wal.tmp", Buffer.from("y")],
      ["holiday.jpg", Buffer.from("z")],
    ]);
    const { output } = await run(["wal", "dump", logDirectory], { fileSystem: await diskWith(more) });
    expect(output.split("\n").filter((line) => line.startsWith("file "))).toEqual([
      "file /data/log/000000000001-96.torn  a torn tail that a repair cut off and kept",
      "file /data/log/000000000003.wal.tmp  was being written when a process ended; the next start deletes it",
      "file /data/log/holiday.jpg  no log writes a file of this name",
    ]);
  });

  test("shows what the verdict is about, and not what is appended meanwhile", async () => {
    const files = await exampleFiles();
    const path = `/data/log/${segmentName(2)}`;
    const whole = files.get(segmentName(2))!;
    const last = groupOffsets(whole).at(-1)!;
    const disk = await diskWith(withFile(files, segmentName(2), whole.subarray(0, last)));
    let looks = 0;
    const appended = watchedReads(disk, path, () => {
      if (looks++ === 1) disk.open(path).write(whole.subarray(last), last);
    });
    const { code, output } = await run(["wal", "dump", logDirectory], { fileSystem: appended });
    expect({ code, looks }).toEqual({ code: 0, looks: 2 });
    expect(output).not.toContain('"last"');
    expect(output).toContain("\n9 records, up to seq 9, ");
  });

  test("marks what was truncated, up to the end of a batch", async () => {
    const disk = new MemoryFileSystem();
    const log = await openTestLog(disk);
    await log.append(put("a", "1"));
    await log.appendBatch([put("b", "2"), put("c", "3")]);
    await log.append(put("d", "4"));
    await log.truncate(3);
    await log.close();
    const { output } = await run(["wal", "dump", "--json", logDirectory], { fileSystem: disk });
    const records = output
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line))
      .filter(({ kind }) => kind === "record");
    expect(records.map(({ seq, isTruncated }) => [seq, isTruncated])).toEqual([
      [1, true],
      [2, false],
      [3, false],
      [4, false],
      [5, false],
    ]);
  });

  test("shows a file whose header is no segment's as unreadable", async () => {
    const files = await exampleFiles();
    const disk = await diskWith(withFile(files, segmentName(2), Buffer.from("HOLDFAST, cut")));
    const { code, output } = await run(["wal", "dump", logDirectory], { fileSystem: disk });
    expect(code).toBe(1);
    expect(output).toContain(
      `  @0  13 bytes of /data/log/${segmentName(2)} can't be used: it has 13 bytes, fewer`,
    );
    expect(readFile(disk, `/data/log/${segmentName(2)}`).toString()).toBe("HOLDFAST, cut");
  });
});
