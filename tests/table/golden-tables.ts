import { entry, writeTable, type TestEntry, type WrittenTable } from "./table-fixture.ts";

interface Recipe {
  versionMin: number;
  entries: TestEntry[];
}

/** What each golden table holds. Whoever changes one of these changes what old programs left on people's disks. */
const recipes: Record<string, Recipe> = {
  "one-entry": { versionMin: 1, entries: [entry("key", 1, "value")] },

  versions: {
    versionMin: 100,
    entries: [
      entry("apple", 103, "red"),
      entry("apple", 101, "green"),
      entry("apricot", 300),
      entry("banana", 102, ""),
    ],
  },

  restarts: {
    versionMin: 1,
    entries: Array.from({ length: 40 }, (_, index) =>
      entry(`users/${1000 + index}`, 40 - index, `value ${index}`),
    ),
  },

  blocks: {
    versionMin: 1,
    entries: [
      ...Array.from({ length: 5 }, (_, index) => entry(`large/${index}1`, index + 1, patterned(1500, index))),
      entry("larger than a block", 6, patterned(9000, 5)),
      ...Array.from({ length: 9 }, (_, index) => entry("many versions", 90 - index, patterned(1200, index))),
      entry("zebra", 7, "striped"),
    ],
  },

  "wide-numbers": {
    versionMin: 0,
    entries: [
      entry("first", 2 ** 53 - 1, "the last version"),
      entry("first", 2 ** 32, "a version of 33 bits"),
      entry("first", 0, "no version is lower"),
      entry("k".repeat(300), 2 ** 31, "a long key"),
      entry(`${"k".repeat(300)}2`, 128, "which the next one shares"),
      entry(Buffer.from([0xff, 0x00, 0xff]), 127, Buffer.from([0x00, 0xff])),
    ],
  },
};

export const goldenNames = Object.keys(recipes);

/** The golden table, written anew. */
export function writeGolden(name: string): Promise<WrittenTable> {
  const { versionMin, entries } = recipes[name]!;
  return writeTable(entries, { versionMin });
}

/** Not the same byte over and over, so that a byte in the wrong place shows. */
function patterned(length: number, seed: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, at) => (at * 7 + seed * 31) & 0xff));
}
