import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/**
 * The rules of the house that a compiler can't see. A rule that nothing enforces is a wish.
 */
const root = join(import.meta.dir, "..");

interface SourceFile {
  path: string;
  text: string;
  /** The text without comments: where a rule is about code, sentences may name what code may not. */
  code: string;
}

function filesOf(...patterns: string[]): SourceFile[] {
  return patterns.flatMap((pattern) =>
    [...new Bun.Glob(pattern).scanSync({ cwd: root })].sort().map((path) => {
      const text = readFileSync(join(root, path), "utf8");
      return { path, text, code: text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1") };
    }),
  );
}

const product = filesOf("src/**/*.ts", "client/**/*.ts");
const tests = filesOf("tests/**/*.ts");

/** Lower layers first: imports go down only, or stay in their folder. */
const layers: readonly (readonly string[])[] = [
  ["src/lib"],
  ["src/protocol", "src/memtable"],
  ["src/vfs"],
  ["src/wal", "src/table", "src/manifest"],
  ["src/compaction"],
  ["src/engine"],
  ["src/server", "src/offline", "client"],
  ["src/cli"],
  ["src"],
];

const roomOf = (path: string) =>
  dirname(path)
    .split("/")
    .slice(0, path.startsWith("src/") ? 2 : 1)
    .join("/");
const layerOf = (room: string) => layers.findIndex((rooms) => rooms.includes(room));

/** Imports and exports from elsewhere, types as well: a type of a higher layer is knowledge of it. */
function importsOf(file: SourceFile): string[] {
  return [...file.code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1]!);
}

function violationsOfLayers(files: SourceFile[]): string[] {
  const violations: string[] = [];
  for (const file of files) {
    const room = roomOf(file.path);
    if (layerOf(room) === -1) violations.push(`${file.path}: ${room} is in no layer`);
    for (const name of importsOf(file)) {
      if (!name.startsWith(".")) continue;
      const target = normalize(join(dirname(file.path), name));
      const targetRoom = roomOf(target);
      if (targetRoom === room) continue;
      const allowed =
        room === "client"
          ? targetRoom === "src/protocol" || targetRoom === "src/lib"
          : layerOf(targetRoom) < layerOf(room);
      if (!allowed) violations.push(`${file.path} imports ${target}`);
    }
  }
  return violations;
}

test("imports go down the layers only", () => {
  expect(violationsOfLayers(product)).toEqual([]);
});

test("the layer rule sees an upward import, and a sideways one", () => {
  const upward = {
    path: "src/wal/example.ts",
    text: "",
    code: 'import type { Store } from "../engine/store.ts";',
  };
  const sideways = {
    path: "client/example.ts",
    text: "",
    code: 'export { serve } from "../src/server/serve.ts";',
  };
  expect(violationsOfLayers([upward])).toEqual(["src/wal/example.ts imports src/engine/store.ts"]);
  expect(violationsOfLayers([sideways])).toEqual(["client/example.ts imports src/server/serve.ts"]);
});

test("no file imports itself through others", () => {
  const graph = new Map(
    product.map((file) => [
      file.path,
      importsOf(file)
        .filter((name) => name.startsWith("."))
        .map((name) => normalize(join(dirname(file.path), name))),
    ]),
  );
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: string[]): void => {
    if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
    else if (!done.has(path)) for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  expect(cycles).toEqual([]);
});

/** What only certain files may touch; everybody else gets it passed in, or asks them. */
const territories: readonly { what: string; pattern: RegExp; owners: RegExp }[] = [
  {
    what: "the disk",
    pattern: /"(node:)?fs(\/promises)?"|\bBun\.(file|write|mmap)\(/,
    owners: /^src\/vfs\/real\.ts$/,
  },
  { what: "the C library", pattern: /"bun:ffi"/, owners: /^src\/vfs\/libc\.ts$/ },
  {
    what: "the network",
    pattern: /\bBun\.(listen|connect|serve)\b|"node:(net|tls|http)"/,
    owners: /^(src\/server\/listener|client\/transport[\w-]*)\.ts$/,
  },
  {
    what: "the time",
    pattern: /\b(Date\.now|performance\.now|new Date\b|setTimeout|setInterval|setImmediate|Bun\.sleep)\b/,
    // The file systems of the tests answer in a later turn of the event loop, as a disk does.
    owners: /^src\/(lib\/clock|vfs\/held-syncs|vfs\/failing)\.ts$/,
  },
  {
    what: "randomness",
    pattern: /\b(Math\.random|getRandomValues|randomUUID|randomBytes\(\d)/,
    owners: /^src\/lib\/random\.ts$/,
  },
  { what: "native checksums", pattern: /"@node-rs\/crc32"/, owners: /^src\/lib\/crc32c\.ts$/ },
];

for (const { what, pattern, owners } of territories) {
  test(`only its owners touch ${what}`, () => {
    const trespassers = product.filter((file) => pattern.test(file.code) && !owners.test(file.path));
    expect(trespassers.map((file) => file.path)).toEqual([]);
  });
}

test("files are short enough to be read in one go", () => {
  const long = product.map((file) => `${file.path}: ${file.text.split("\n").length}`);
  expect(long.filter((line) => Number(line.split(": ")[1]) > 400)).toEqual([]);
});

test("lines fit the page, comments too", () => {
  const wide = [...product, ...tests].flatMap((file) =>
    file.text
      .split("\n")
      .map((line, index) => ({ line, at: `${file.path}:${index + 1}` }))
      .filter(({ line }) => line.length > 120 && !/https?:|`|"|\/[^/]+\/[a-z]*[,;)]/.test(line))
      .map(({ at }) => at),
  );
  expect(wide).toEqual([]);
});

test("nothing is left for later, and no test is left alone", () => {
  const marks = /\b(TODO|FIXME|XXX|HACK)\b|\b(test|describe|it)\.(only|todo)\b/;
  const others = [...product, ...tests].filter((file) => file.path !== "tests/tidy.test.ts");
  expect(others.filter((file) => marks.test(file.text)).map((file) => file.path)).toEqual([]);
});

test("there are no barrels: a name is imported from the file that holds it", () => {
  expect(
    [...product, ...tests].map((file) => file.path).filter((path) => /(^|\/)index\.ts$/.test(path)),
  ).toEqual([]);
  const publicDoors = ["client/client.ts", "src/wal/write-ahead-log.ts", "src/server/serve.ts"];
  const barrels = product.filter(
    (file) =>
      /^export (\*|\{[^}]*\}|type \{[^}]*\}) from/m.test(file.code) && !publicDoors.includes(file.path),
  );
  expect(barrels.map((file) => file.path)).toEqual([]);
});

test("every page has one title, and names no machine's path", () => {
  const pages = filesOf("*.md", "src/**/*.md", "tests/**/*.md", "client/**/*.md");
  expect(pages.length).toBeGreaterThan(2);
  for (const page of pages) {
    const prose = page.text.replace(/```[\s\S]*?```/g, "");
    expect({ page: page.path, titles: prose.match(/^# /gm)?.length }).toEqual({ page: page.path, titles: 1 });
    expect({ page: page.path, paths: page.text.match(/\/(root|home|work)\//g) }).toEqual({
      page: page.path,
      paths: null,
    });
  }
});

test("links between pages lead somewhere", () => {
  const broken: string[] = [];
  for (const page of filesOf("*.md", "src/**/*.md", "tests/**/*.md", "client/**/*.md")) {
    for (const [, target] of page.text.matchAll(/\]\((?!https?:)([^)#\s]+)[^)]*\)/g)) {
      const path = join(root, dirname(page.path), target!);
      if (
        !Bun.file(path).size &&
        [...new Bun.Glob(`${target}/*`).scanSync({ cwd: join(root, dirname(page.path)) })].length === 0
      ) {
        broken.push(`${page.path} -> ${target}`);
      }
    }
  }
  expect(broken).toEqual([]);
});
