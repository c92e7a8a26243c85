import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { dataDirectory } from "../../offline/rich-store.ts";
import type { Damage, FileChange } from "./damages.ts";
import { type Subject, subjectOf } from "./subject.ts";

/**
 * A sound store and what damage made of it, as files: a store depends on time as well as on its seed, so a seed alone
 * does not bring a violation back. Returns the directory.
 */
export function saveDamage({ files, end }: Subject, damage: Damage): string {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-damage-"));
  const damaged = new Map<string, Buffer | undefined>(files);
  for (const { path, bytes } of damage.changes) damaged.set(path, bytes);
  for (const [name, store] of Object.entries({ sound: files, damaged })) {
    for (const [path, bytes] of store) {
      if (bytes === undefined) continue;
      const file = join(directory, name, relative(dataDirectory, path));
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, bytes);
    }
  }
  writeFileSync(join(directory, "kind"), damage.kind);
  writeFileSync(join(directory, "end"), end);
  return directory;
}

/** The same store and the same damage once more. */
export async function savedDamage(directory: string): Promise<{ subject: Subject; damage: Damage }> {
  const sound = filesIn(join(directory, "sound"));
  const damaged = filesIn(join(directory, "damaged"));
  const changes = [...sound].flatMap(([path, bytes]): FileChange[] => {
    const now = damaged.get(path);
    return now?.equals(bytes) === true ? [] : [{ path, bytes: now }];
  });
  const kind = readFileSync(join(directory, "kind"), "utf8") as Damage["kind"];
  const end = readFileSync(join(directory, "end"), "utf8") as Subject["end"];
  return { subject: await subjectOf(0, end, sound), damage: { kind, place: directory, changes } };
}

function filesIn(directory: string): Map<string, Buffer> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return new Map(
    entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => {
        const path = join(parentPath, name);
        return [join(dataDirectory, relative(directory, path)), readFileSync(path)];
      }),
  );
}
