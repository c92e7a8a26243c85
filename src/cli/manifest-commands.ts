import { dumpManifest } from "../offline/dump-manifest.ts";
import { hexFlag, jsonFlag, type Command } from "./command.ts";
import { exitCode } from "./exit-codes.ts";
import { manifestLines, manifestObjects } from "./manifest-lines.ts";

export const manifestDumpCommand: Command = {
  name: "manifest dump",
  summary: "prints the edits of a manifest, the list of a store's tables",
  operands: [{ name: "PATH", about: "the data directory of a server, or a manifest's file" }],
  flags: { json: jsonFlag, hex: { ...hexFlag, about: "show keys in hexadecimal" } },
  details: [
    "Every edit with its offset, and the tables that it added and removed; the first one of a file holds all that were",
    "live then. Reads only, also while a server is running. The exit code is 0 if it is clean, 3 if a crash left half an",
    "edit at its end, which the next start leaves out, and 1 for damage.",
  ].join("\n"),
  examples: [
    "holdfast manifest dump ./data",
    "holdfast manifest dump --json ./data/manifest/000000000003.manifest",
  ],

  async run(given, { fileSystem, output }) {
    const dump = dumpManifest(fileSystem, given.operand("PATH"));
    const isHex = given.has("hex");
    const lines = given.has("json")
      ? manifestObjects(dump, isHex).map((object) => JSON.stringify(object))
      : manifestLines(dump, isHex);
    for (const line of lines) await output.write(`${line}\n`);
    if (dump.verdict.kind === "clean") return exitCode.ok;
    return dump.verdict.kind === "torn" ? exitCode.torn : exitCode.no;
  },
};
