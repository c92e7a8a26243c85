import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The specification, the code and the golden files say the same. */

const source = join(import.meta.dir, "../../src/wal");
const readme = readFileSync(join(source, "README.md"), "utf8");

test("the example of the README is the golden file that it names, byte by byte", () => {
  const example = readme.slice(readme.indexOf("An example, byte by byte\n"));
  const [, path] = /`tests\/wal\/(golden\/[^`]+)`/.exec(example)!;
  const lines = [...example.matchAll(/^([0-9a-f]{4}) {2}((?:[0-9a-f]+ ?)+) {2}/gm)];
  let bytes = Buffer.alloc(0);
  for (const [, offset, hex] of lines) {
    expect(Number.parseInt(offset!, 16)).toBe(bytes.length);
    bytes = Buffer.concat([bytes, Buffer.from(hex!.replaceAll(" ", ""), "hex")]);
  }
  expect(bytes.toString("hex")).toBe(readFileSync(join(import.meta.dir, path!)).toString("hex"));
});

test("the recovery table of the README is that of survey.ts, and explains every row", () => {
  const rowsOf = (text: string) =>
    [...text.matchAll(/^[ *]*\| ([A-K]) +\| ([^|]+?) +\| ([A-Z ]+?) +\|$/gm)].map(([, ...cells]) =>
      cells.join(" | "),
    );
  const rows = rowsOf(readme);
  expect(rows.map((row) => row[0]).join("")).toBe("ABCDEFGHIJK");
  expect(rowsOf(readFileSync(join(source, "survey.ts"), "utf8"))).toEqual(rows);
  const explained = [...readme.matchAll(/^- \*\*([A-K](?:, [A-K])*)\.\*\*/gm)].flatMap(([, names]) =>
    names!.split(", "),
  );
  expect(explained.join("")).toBe("ABCDEFGHIJK");
});

test("the tables of the README add up to the sizes in format.ts", async () => {
  const format = await import("../../src/wal/format.ts");
  const sizeOf = (title: string) => {
    const section = readme.slice(readme.indexOf(`### ${title}`));
    const table = /^\| offset \|.*\n(?:\|.*\n)+/m.exec(section)![0];
    const rows = [...table.matchAll(/^\| +(\d+) \| +(\d+) \|/gm)].map(([, offset, bytes]) => [
      Number(offset),
      Number(bytes),
    ]);
    let end = 0;
    for (const [offset, bytes] of rows) {
      expect(offset).toBe(end);
      end = offset! + bytes!;
    }
    return end;
  };
  expect(sizeOf("The segment header, 96 bytes")).toBe(format.segmentHeaderBytes);
  expect(sizeOf("The group header, 56 bytes")).toBe(format.groupHeaderBytes);
  expect(sizeOf("The record, 8 bytes")).toBe(format.recordHeaderBytes + format.expiryBytes);
});
