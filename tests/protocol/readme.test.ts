import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as limits from "../../src/lib/limits.ts";
import { opcode } from "../../src/protocol/opcodes.ts";
import { status } from "../../src/protocol/status.ts";
import { encode, hexOf, type Message } from "./message.ts";

/** The specification says numbers, and they are those of the code. */
const directory = join(import.meta.dir, "../../src/protocol");
const readme = readFileSync(join(directory, "README.md"), "utf8");

/** The rows of every table, as their cells without decoration. */
const rows = readme
  .split("\n")
  .filter((line) => line.startsWith("| "))
  .map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll("`", "")),
  );

describe("the specification", () => {
  test("has a chapter for every opcode, under its number", () => {
    const chapters = [...readme.matchAll(/^### (\d+) (\w+)$/gm)].map(([, number, name]) => [
      name,
      Number(number),
    ]);
    expect(Object.fromEntries(chapters)).toEqual(opcode);
  });

  test("lists every status with its number", () => {
    const listed = rows.filter(([number, name]) => /^\d+$/.test(number!) && /^[A-Z_]+$/.test(name!));
    expect(Object.fromEntries(listed.map(([number, name]) => [name, Number(number)]))).toEqual(status);
  });

  test("gives every limit the value that it has", () => {
    const listed = rows.filter(
      ([name, value]) => /(Max|Min|Ms|Default)$/.test(name!) && /^[\d,]+$/.test(value!),
    );
    expect(listed.length).toBeGreaterThan(15);
    const known = limits as unknown as Record<string, number>;
    for (const [name, value] of listed)
      expect([name, Number(value!.replaceAll(",", ""))]).toEqual([name, known[name!]!]);
  });

  test.each<[string, Message]>([
    ["put", { message: "put", id: 1, key: hexOf(Buffer.from("user:1")), value: hexOf(Buffer.from("Ada")) }],
    ["written", { message: "written", id: 1, version: 17 }],
    [
      "error",
      {
        message: "error",
        id: 2,
        status: "CONFLICT",
        text: "it has version 17",
        outcome: "notApplied",
        details: [17, 0],
      },
    ],
  ])("has the bytes of its example: %s", (name, message) => {
    const [, block] = readme.match(new RegExp(`^\`\`\`${name}\\n([^]*?)^\`\`\``, "m"))!;
    const hex = block!.replaceAll(/^((?:[0-9a-f]{2} ?)*).*$/gm, "$1").replaceAll(/\s/g, "");
    expect(hex).toBe(hexOf(encode(message)));
  });

  test("names every file beside it", () => {
    const files = readdirSync(directory).filter((file) => file.endsWith(".ts"));
    for (const file of files) expect(readme).toContain(`\`${file}\``);
  });
});
