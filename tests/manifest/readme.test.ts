import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { manifestBytesMax, tableLevelMax } from "../../src/lib/limits.ts";
import * as format from "../../src/manifest/format.ts";

/** The specification, the code and the golden files say the same. */

const source = join(import.meta.dir, "../../src/manifest");
const readme = readFileSync(join(source, "README.md"), "utf8");

test("the example of the README is the golden file that it names, byte by byte", () => {
  const example = readme.slice(readme.indexOf("An example, byte by byte\n"));
  const [, path] = /`tests\/manifest\/(golden\/[^`]+)`/.exec(example)!;
  const lines = [...example.matchAll(/^([0-9a-f]{4}) {2}((?:[0-9a-f]+ ?)+) {2}/gm)];
  let bytes = Buffer.alloc(0);
  for (const [, offset, hex] of lines) {
    expect(Number.parseInt(offset!, 16)).toBe(bytes.length);
    bytes = Buffer.concat([bytes, Buffer.from(hex!.replaceAll(" ", ""), "hex")]);
  }
  expect(bytes.toString("hex")).toBe(readFileSync(join(import.meta.dir, path!)).toString("hex"));
});

test("the recovery table of the README is that of read-manifest.ts, and explains every row", () => {
  const rowsOf = (text: string) =>
    [...text.matchAll(/^[ *]*\| ([A-J]) +\| ([^|]+?) +\| ([A-Z]+) +\|$/gm)].map(([, ...cells]) =>
      cells.join(" | "),
    );
  const rows = rowsOf(readme);
  expect(rows.map((row) => row[0]).join("")).toBe("ABCDEFGHIJ");
  expect(rowsOf(readFileSync(join(source, "read-manifest.ts"), "utf8"))).toEqual(rows);
  const explained = [...readme.matchAll(/^- \*\*([A-J](?:, [A-J])*)\.\*\*/gm)].flatMap(([, names]) =>
    names!.split(", "),
  );
  expect(explained.join("")).toBe("ABCDEFGHIJ");
});

test("the tables of the README add up to the sizes in format.ts", () => {
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
  expect(sizeOf("The file header, 44 bytes")).toBe(format.fileHeaderBytes);
  expect(sizeOf("The header of an edit or a seal, 36 bytes")).toBe(format.editHeaderBytes);
  expect(sizeOf("The payload of an edit, 40 bytes and more")).toBe(format.editNumbersBytes);
  expect(sizeOf("An added table, 73 bytes and its keys")).toBe(format.addedTableBytes);
});

test("the constants that the README names are those of the code", () => {
  expect(readme).toContain(`| magic          | \`${format.fileMagic.toString("latin1")}\``);
  const editMagic = [...format.editMagicBytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  expect(readme).toContain(`| magic             | \`${editMagic}\``);
  expect(format.editMagicBytes.readUInt32BE(0)).toBe(format.editMagic);
  expect(readme).toContain(`| removed tables    |`);
  expect(readme).toContain(`a level from 0 to ${tableLevelMax}`);
  expect(readme).toContain(`\`manifestBytesMax\` (${manifestBytesMax / 1024 / 1024} MiB)`);
});
