import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sourceRoot } from "../../support/server-process.ts";

/** One place in the source on which durability stands, found by what it looks like. */
export interface Safeguard {
  readonly kind: string;
  /** From the root of the project. */
  readonly file: string;
  readonly line: number;
  /** The line, without the blanks around it. */
  readonly text: string;
  /** Where in the file what was recognized begins. */
  readonly at: number;
}

interface Pattern {
  readonly kind: string;
  readonly looks: RegExp;
  /** The only files that it is looked for in; default: all. */
  readonly files?: RegExp;
}

/** All that carries durability; other rooms hold nothing that a crash could take back. */
const rooms = [
  "src/wal/*.ts",
  "src/table/*.ts",
  "src/manifest/*.ts",
  "src/engine/*.ts",
  "src/compaction/*.ts",
  "src/offline/*.ts",
  "src/server/*.ts",
  "src/vfs/publish.ts",
];

/** What reads bytes that a disk may have changed. */
const decoders =
  /(group-header|segment-header|segment-walk|survey|edit-header|edit-payload|file-header|walk-manifest|read-manifest|live-state|table-footer|table-file|index-section|block-stream|verify-table|sealed-segment|store-fit|table-store|check-\w+|copy-log)\.ts$/;

/**
 * What a safeguard looks like. The patterns are wide on purpose: what they find for nothing is named once, with a
 * reason, in exceptions.ts. They can't find an order of two steps; those have mutants only because somebody thought of
 * them.
 */
const patterns: readonly Pattern[] = [
  {
    kind: "sync",
    looks: /(?<!function )\b(datasync|datasyncNow|sync|syncNow|syncDirectory|syncAncestors)\(/g,
  },
  {
    kind: "checksum",
    looks: /\b(isIntact|isBlockIntact|joinedChecksum|verifyBlock|verifyTable|findWitness)\(/g,
  },
  {
    kind: "checksum",
    looks:
      /(?<=crc32c\([^;\n]*)[!=]==|[!=]==(?=[^;\n]*(crc32c\(|[cC]hecksum))|(?<=[cC]hecksum\b[^;\n]*)[!=]==/g,
  },
  { kind: "comparison", looks: /!==(?! undefined| "|null)/g, files: decoders },
  { kind: "removal", looks: /\.(unlink|rename|removeDirectory)\(/g },
  {
    kind: "visibility",
    looks:
      /[<>]=? (this\.#(writer|store)\.)?ackableSeq\b|\bvisibleAt\(|\.assertInPlace\(\)|#assertInPlace\(\)/g,
  },
  { kind: "visibility", looks: /\bwriterFor\(visibleAt\)|\.durableSeq : |replies\.written\(/g },
];

/** Every safeguard of the source, file by file. Of two that overlap in one place only the first is named. */
export function safeguards(root = sourceRoot): Safeguard[] {
  return rooms.flatMap((room) =>
    [...new Bun.Glob(room).scanSync({ cwd: root })]
      .sort()
      .flatMap((file) => safeguardsIn(file, readFileSync(join(root, file), "utf8"))),
  );
}

export function safeguardsIn(file: string, text: string): Safeguard[] {
  const code = withoutComments(text);
  const found = new Map<number, Safeguard>();
  for (const { kind, looks, files } of patterns) {
    if (files !== undefined && !files.test(file)) continue;
    for (const { index: at } of code.matchAll(looks)) {
      const lineText = text.slice(text.lastIndexOf("\n", at) + 1, text.indexOf("\n", at)).trim();
      if (found.has(at) || declaration.test(lineText)) continue;
      found.set(at, { kind, file, line: text.slice(0, at).split("\n").length, text: lineText, at });
    }
  }
  return [...found.values()].sort((one, other) => one.at - other.at);
}

/** Where a function is declared nothing is done yet. */
const declaration =
  /^(export )?(async )?function |^(async |static )*(?!if\b|for\b|while\b|switch\b)#?\w+\(.*\{$/;

/** The same length, so that places stay what they are. */
function withoutComments(text: string): string {
  const blank = (comment: string) => comment.replace(/[^\n]/g, " ");
  return text.replace(/\/\*[\s\S]*?\*\//g, blank).replace(/(?<=^|\s)\/\/.*$/gm, blank);
}
