import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatVersion, tableName } from "../../src/table/table-format.ts";
import { goldenNames, writeGolden } from "./golden-tables.ts";
import { naiveCrc32c } from "./naive-hash.ts";
import { readNaively } from "./naive-table.ts";
import { tableNumber } from "./table-fixture.ts";

/**
 * Tables as every release has written them, one directory each: `<name>-v<format version>`, with what they say in
 * entries.txt. UPDATE_GOLDEN=1 writes those of the current version anew, which is right only before a release has
 * written such files. A new format version gets new directories, and the old ones must stay readable.
 */
const golden = join(import.meta.dir, "golden");
const isUpdate = process.env["UPDATE_GOLDEN"] === "1";

/** As the second reader understands it; long things are shortened to their length and checksum. */
function describeTable(bytes: Buffer): string {
  const { footer, blocks, firstKey, lastKey } = readNaively(bytes);
  const lines = Object.entries(footer).map(([name, value]) => `${name} ${value}`);
  lines.push(`first key ${shown(firstKey)}, last key ${shown(lastKey)}`);
  for (const { offset, bytes, entries, restarts, separator } of blocks) {
    lines.push(
      "",
      `block at ${offset}, ${bytes} bytes, restarts ${restarts}, separator ${shown(separator)}`,
      ...entries.map(
        ({ key, version, isTombstone, value }) =>
          `${shown(key)} version ${version} ${isTombstone ? "deleted" : shown(value)}`,
      ),
    );
  }
  return [...lines, ""].join("\n");
}

function shown(bytes: Buffer): string {
  if (bytes.length > 40) return `(${bytes.length} bytes, ${naiveCrc32c(bytes).toString(16)})`;
  return JSON.stringify(bytes.toString("latin1"));
}

describe("a golden table is written today as it always was", () => {
  test.each(goldenNames)("%s", async (name) => {
    const directory = join(golden, `${name}-v${formatVersion}`);
    const path = join(directory, tableName(tableNumber));
    const { bytes } = await writeGolden(name);
    if (isUpdate) {
      mkdirSync(directory, { recursive: true });
      writeFileSync(path, bytes);
      writeFileSync(join(directory, "entries.txt"), describeTable(bytes));
    }
    expect(existsSync(path)).toBe(true);
    expect(bytes.toString("hex")).toBe(readFileSync(path, "hex"));
  });
});

describe("a golden table of any version says today what it always said", () => {
  test.each(readdirSync(golden))("%s", (name) => {
    const directory = join(golden, name);
    const files = readdirSync(directory).filter((file) => file.endsWith(".table"));
    expect(files).toEqual([tableName(tableNumber)]);
    const said = describeTable(readFileSync(join(directory, files[0]!)));
    expect(said).toBe(readFileSync(join(directory, "entries.txt"), "utf8"));
  });
});
