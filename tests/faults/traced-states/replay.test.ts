import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readFile } from "../../../src/vfs/file-system.ts";
import { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { parseTrace } from "../../support/trace.ts";
import { inOrder } from "../../support/trace-order.ts";
import { effectOf } from "./file-effect.ts";
import { pointsOfTrace } from "./points-of-trace.ts";
import { differencesFrom, writeOut } from "./real-directory.ts";
import { ReplayedDisk } from "./replayed-disk.ts";
import { timedLines } from "./timed-trace.ts";
import { TracedLog } from "./traced-log.ts";

/** As strace prints a string or a path. */
const hex = (text: string) =>
  text.replace(/./gs, (each) => `\\x${each.charCodeAt(0).toString(16).padStart(2, "0")}`);
const cwd = `AT_FDCWD<${hex("/")}>`;
const file = `3<${hex("/store/file")}>`;
const create = `1 openat(${cwd}, "${hex("/store/file")}", O_RDWR|O_CREAT|O_EXCL, 0600) = ${file}`;
const syncNames = `1 fsync(4<${hex("/store")}>) = 0`;
const write = (text: string, at: number) => `pwrite64(${file}, "${hex(text)}", ${text.length}, ${at}`;

/** What is left of the file after each line: if all that is pending is lost, and if it is kept. */
function left(...lines: string[]): { lost: string | undefined; kept: string | undefined }[] {
  const replay = new ReplayedDisk(new MemoryFileSystem(), "/store");
  const found: ReturnType<typeof left> = [];
  const events = inOrder(parseTrace(lines.join("\n")));
  for (const [line] of lines.entries()) {
    for (const { call, isBegin } of events) {
      if ((isBegin ? call.begin : call.end) !== line) continue;
      const effect = isBegin ? replay.effect(call) : undefined;
      if (effect !== undefined) replay.begin(call, effect);
      if (!isBegin) replay.end(call);
    }
    const now = replay.now();
    const text = (disk: MemoryFileSystem) =>
      disk.exists("/file") ? `${readFile(disk, "/file")}` : undefined;
    found.push({ lost: text(now.crash({ unsynced: "lost" })), kept: text(now) });
  }
  return found;
}

describe("a replayed trace", () => {
  test("makes bytes durable with a sync of the file, and the name with one of the directory", () => {
    const states = left(create, `1 ${write("one", 0)}) = 3`, `1 fdatasync(${file}) = 0`, syncNames);
    expect(states.map(({ kept }) => kept)).toEqual(["", "one", "one", "one"]);
    expect(states.map(({ lost }) => lost)).toEqual([undefined, undefined, undefined, "one"]);
  });

  test("lets a sync cover what had returned when it began, once it has returned, and nothing else", () => {
    const states = left(
      create,
      syncNames,
      `1 ${write("one", 0)}) = 3`,
      `2 fdatasync(${file} <unfinished ...>`,
      `1 ${write("two", 3)}) = 3`,
      `2 <... fdatasync resumed>) = 0`,
    );
    expect(states.slice(-3)).toEqual([
      { lost: "", kept: "one" },
      { lost: "", kept: "onetwo" },
      { lost: "one", kept: "onetwo" },
    ]);
  });

  test("has what is in flight as pending, and no sync covers it that began before it returned", () => {
    const states = left(
      create,
      syncNames,
      `1 ${write("one", 0)} <unfinished ...>`,
      `2 fdatasync(${file}) = 0`,
      `1 <... pwrite64 resumed>) = 3`,
    );
    expect(states.slice(-3)).toEqual(Array(3).fill({ lost: "", kept: "one" }));
  });

  test("leaves out what failed, and what a short write did not write", () => {
    const states = left(create, syncNames, `1 ${write("one", 0)}) = -1 EIO (Input/output error)`);
    expect(states.at(-1)!.kept).toBe("");
    expect(left(create, `1 ${write("one", 0)}) = 2`).at(-1)!.kept).toBe("on");
  });

  test("refuses a call to a store that it does not know, and passes over those to other places", () => {
    const effect = (line: string) => effectOf(parseTrace(line)[0]!, "/store", () => true);
    expect(() => effect(`1 write(${file}, "${hex("x")}", 1) = 1`)).toThrow("does not know what write");
    expect(() => effect(`1 copy_file_range(9<${hex("/x")}>, NULL, ${file}, NULL, 1, 0) = 1`)).toThrow();
    expect(() => effect(`1 mmap(NULL, 1, PROT_READ|PROT_WRITE, MAP_SHARED, ${file}, 0) = 0x1`)).toThrow();
    expect(() => effect(`1 sync() = 0`)).toThrow();
    expect(effect(`1 mmap(NULL, 1, PROT_READ, MAP_SHARED, ${file}, 0) = 0x1`)).toBeUndefined();
    expect(effect(`1 write(9<${hex("/elsewhere")}>, "${hex("x")}", 1) = 1`)).toBeUndefined();
    expect(
      effect(`1 sendto(9<${hex("socket:[1]")}>, "${hex("/store/file")}", 1, 0, NULL, 0) = 1`),
    ).toBeUndefined();
  });

  test("must end as the real directory has ended, byte by byte", () => {
    using directory = temporaryDirectory();
    const root = join(directory.path, "root");
    mkdirSync(root);
    writeFileSync(join(root, "file"), "one");
    const at = (text: string) => text.replaceAll(hex("/store"), hex(root));
    const lines = [create, `1 ${write("one", 0)} <unfinished ...>`].map(at);
    const play = (...played: string[]) => {
      const server = timedLines(played.map((line) => line.replace(" ", " 1.5 ")).join("\n"));
      const beginning = { disk: new MemoryFileSystem(), log: new TracedLog(), ackedSeq: 0 };
      const begun = [{ name: "a stage", atMs: 0 }];
      return pointsOfTrace({ server, backups: [] }, { beginning, root, begun, writes: [] });
    };
    // Whether a call that never returned was made shows in what is there.
    expect(readFile(play(...lines).disk, "/file").toString()).toBe("one");
    expect(() => play(...lines, at(`2 ${write("two", 3)}) = 3`))).toThrow("/file holds other bytes");
    expect(() => play()).toThrow("/file is there, and not in the replay");
    writeFileSync(join(root, "file"), "");
    expect(readFile(play(...lines).disk, "/file").toString()).toBe("");
  });
});

test("a disk that is written out is the same disk", () => {
  using directory = temporaryDirectory();
  const disk = new MemoryFileSystem();
  disk.makeDirectory("/part");
  disk.create("/part/file").write(Buffer.from("content"), 0);
  writeOut(disk, directory.path);
  expect(differencesFrom(directory.path, disk)).toEqual([]);
  disk.open("/part/file").write(Buffer.from("C"), 0);
  disk.create("/other");
  expect(differencesFrom(directory.path, disk)).toEqual([
    "/part/file holds other bytes than in the replay",
    "/other is in the replay alone",
  ]);
});
