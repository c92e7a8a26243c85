import { HoldfastError } from "../lib/errors.ts";
import { dumpTable } from "../table/dump-table.ts";
import { TableCorruptionError } from "../table/errors.ts";
import type { TableSummary } from "../table/table-summary.ts";
import { verifyTable } from "../table/verify-table.ts";
import type { FileSystem } from "../vfs/file-system.ts";
import { hexFlag, jsonFlag, type Command, type Operand } from "./command.ts";
import { exitCode } from "./exit-codes.ts";
import { tableLine, tableObject, tableReportLines, tableReportObject } from "./table-lines.ts";

const file: Operand = { name: "FILE", about: "a table, as DIR/tables/000000000001.table" };

const readsOnly =
  "Reads only, also while a server is running. The exit code is 0 for a table that is whole, and 1 for a corrupt one.";

export const tableVerifyCommand: Command = {
  name: "table verify",
  summary: "says whether a table is as it was written, and where not",
  operands: [file],
  flags: { json: jsonFlag },
  details: [
    "Every checksum, the order of keys and versions, the counts, the index, and that the filter knows every key. Whether",
    "it is the table that its store means, only check can tell.",
    readsOnly,
  ].join("\n"),
  examples: ["holdfast table verify ./data/tables/000000000001.table"],

  async run(given, { fileSystem, output }) {
    const path = given.operand("FILE");
    assertFile(fileSystem, path);
    const outcome = verify(fileSystem, path);
    const lines = given.has("json")
      ? [JSON.stringify(tableReportObject(outcome, path, false))]
      : tableReportLines(outcome, path);
    await output.write(`${lines.join("\n")}\n`);
    return outcome instanceof TableCorruptionError ? exitCode.no : exitCode.ok;
  },
};

export const tableDumpCommand: Command = {
  name: "table dump",
  summary: "prints the blocks and entries of a table",
  operands: [file],
  flags: { json: jsonFlag, hex: { ...hexFlag, about: "show keys and values in hexadecimal" } },
  details: [
    "What the table says of itself, and every block and entry with its offset, version and size, keys and values by their",
    "beginning, up to damage. Tombstones and older versions are shown. The last lines are those of table verify.",
    readsOnly,
  ].join("\n"),
  examples: ["holdfast table dump ./data/tables/000000000001.table | less -S"],

  async run(given, { fileSystem, output }) {
    const path = given.operand("FILE");
    const [isJson, isHex] = [given.has("json"), given.has("hex")];
    assertFile(fileSystem, path);
    let damage: TableCorruptionError | undefined;
    try {
      for (const item of dumpTable(fileSystem, path)) {
        const line = isJson ? JSON.stringify(tableObject(item, isHex)) : tableLine(item, isHex);
        await output.write(`${line}\n`);
      }
    } catch (error) {
      if (!(error instanceof TableCorruptionError)) throw error;
      damage = error;
    }
    // This reads the filter and the separators as well, which the dump can do without.
    const verified = verify(fileSystem, path);
    const outcome = verified instanceof TableCorruptionError ? verified : (damage ?? verified);
    const lines = isJson
      ? [JSON.stringify(tableReportObject(outcome, path, isHex))]
      : tableReportLines(outcome, path);
    await output.write(`${lines.join("\n")}\n`);
    return outcome instanceof TableCorruptionError ? exitCode.no : exitCode.ok;
  },
};

function verify(fileSystem: FileSystem, path: string): TableSummary | TableCorruptionError {
  try {
    return verifyTable(fileSystem, path);
  } catch (error) {
    if (error instanceof TableCorruptionError) return error;
    throw error;
  }
}

/** To a store a table that is missing is damage; to whoever typed its name it is no table. */
function assertFile(fileSystem: FileSystem, path: string): void {
  if (!fileSystem.exists(path)) {
    throw new HoldfastError(
      "NO_TABLE",
      `Cannot read the table ${path}: there is no such file; see DIR/tables`,
    );
  }
  try {
    fileSystem.list(path);
  } catch {
    return;
  }
  throw new HoldfastError(
    "NO_TABLE",
    `Cannot read the table ${path}: it is a directory; name one of the files in it`,
  );
}
