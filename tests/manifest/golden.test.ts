import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatVersion } from "../../src/manifest/format.ts";
import { openManifest } from "../../src/manifest/manifest.ts";
import { readManifest } from "../../src/manifest/read-manifest.ts";
import { goldenManifests, writeGolden } from "./golden-manifests.ts";
import { describeState, diskWith, manifestDirectory, type Files } from "./manifest-fixture.ts";

/**
 * Files as every release has written them, one directory each: `<name>-v<format version>`, with what they say in
 * state.txt. UPDATE_GOLDEN=1 writes those of the current version anew, which is right only before a release has
 * written such files. A new format version gets new directories, and the old ones must stay readable.
 */
const golden = join(import.meta.dir, "golden");
const isUpdate = process.env["UPDATE_GOLDEN"] === "1";

const readDirectory = (directory: string): Files =>
  new Map(
    readdirSync(directory)
      .filter((name) => name.endsWith(".manifest"))
      .sort()
      .map((name) => [name, readFileSync(join(directory, name))]),
  );

async function describeManifest(files: Files): Promise<string> {
  const disk = await diskWith(files);
  const { state, editNumber, editCount, torn } = readManifest(disk, manifestDirectory)!;
  expect(torn).toBeUndefined();
  const opened = await openManifest(disk, manifestDirectory);
  expect(describeState(opened?.state)).toBe(describeState(state));
  return `edit ${editNumber}, ${editCount} in the file\n${describeState(state)}`;
}

describe("a golden manifest is written today as it always was", () => {
  test.each(Object.keys(goldenManifests))("%s", async (name) => {
    const directory = join(golden, `${name}-v${formatVersion}`);
    const files = await writeGolden(name);
    if (isUpdate) {
      mkdirSync(directory, { recursive: true });
      for (const [manifest, bytes] of files) writeFileSync(join(directory, manifest), bytes);
      writeFileSync(join(directory, "state.txt"), await describeManifest(files));
    }
    expect(existsSync(directory)).toBe(true);
    const hexOf = (found: Files) =>
      Object.fromEntries([...found].map(([key, bytes]) => [key, bytes.toString("hex")]));
    expect(hexOf(files)).toEqual(hexOf(readDirectory(directory)));
  });
});

describe("a golden manifest of any version says today what it always said", () => {
  test.each(readdirSync(golden))("%s", async (name) => {
    const directory = join(golden, name);
    expect(await describeManifest(readDirectory(directory))).toBe(
      readFileSync(join(directory, "state.txt"), "utf8"),
    );
  });
});
