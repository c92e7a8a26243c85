import { mutants } from "../../crash/mutants.ts";
import { changedSource, type SourceChange } from "../../support/changed-source.ts";
import { removals } from "../../support/removals.ts";
import { enumerateLife } from "./enumerate-lives.ts";
import { PlayedLives } from "./lives.ts";

/** Something that the real server can't do without, taken out of it, and where in its lives that shows. */
export interface MissingSafeguard {
  readonly what: string;
  readonly changes: readonly SourceChange[];
  readonly life: string;
  readonly stage: string;
}

const first = "a life from its first boot to a clean end";
const copied = { life: "a life with a backup that copies", stage: "a backup that copies" };

/** One of each kind. The first ones are looked for in every run of the tests. */
export const missingSafeguards: readonly MissingSafeguard[] = [
  {
    what: "the datasync of a group",
    changes: [
      ...removals["the fdatasync call is deleted"],
      change("src/wal/segment-file.ts", "    this.#file.datasyncNow();\n"),
    ],
    life: first,
    stage: "puts, one by one and at once",
  },
  {
    what: "the sync of a directory after a file has got its name",
    changes: removals["the directory is not synced behind a new segment"],
    life: first,
    stage: "puts, one by one and at once",
  },
  {
    what: "acknowledgements that wait for their sync",
    changes: removals["acks leave before the sync"],
    life: first,
    stage: "puts, one by one and at once",
  },
  {
    what: "reads that wait until what they show is durable",
    changes: removals["reads do not wait for what they show"],
    life: first,
    stage: "batches, one by one and at once",
  },
  {
    what: "the syncs of the directories above the store",
    changes: [change("src/vfs/publish.ts", "      await fileSystem.syncDirectory(parent);\n")],
    life: first,
    stage: "puts, one by one and at once",
  },
  {
    what: "the sync of a file before it has its name",
    changes: [change("src/vfs/publish.ts", "    await file.sync();\n")],
    life: first,
    stage: "puts, one by one and at once",
  },
  {
    what: "the sync of a segment that was trimmed",
    changes: [change("src/wal/segment-file.ts", "    await this.#file.sync();\n")],
    life: first,
    stage: "a rotation",
  },
  {
    what: "the sync of a table",
    changes: [change("src/table/table-writer.ts", "    await this.#file.sync();\n")],
    life: first,
    stage: "a flush",
  },
  {
    what: "the sync of the tables' directory",
    changes: [
      change(
        "src/compaction/table-outputs.ts",
        "        await this.#touch(directory, () => this.#world.fileSystem.syncDirectory(directory));\n",
      ),
    ],
    life: first,
    stage: "a flush",
  },
  {
    what: "the datasync of an edit of the manifest",
    changes: [change("src/manifest/manifest-file.ts", "      await this.#file.datasync();\n")],
    life: first,
    stage: "a flush",
  },
  {
    what: "an edit of the manifest before the log is pruned",
    changes: changesOf("the log is pruned before the manifest's edit"),
    life: first,
    stage: "a flush",
  },
  {
    what: "an edit of the manifest before the inputs of a merge go",
    changes: changesOf("the inputs of a merge are deleted before the manifest's edit"),
    life: first,
    stage: "a compaction",
  },
  {
    what: "the second write of what a killed server may not have synced",
    changes: removals["recovery believes the page cache"],
    life: "a life after a kill before a sync",
    stage: "reads and puts after a kill before a sync",
  },
  {
    what: "the sync of a file of a backup",
    changes: [change("src/offline/copy-file.ts", "      await target.sync();\n")],
    ...copied,
  },
  {
    what: "the syncs of the directories of a backup",
    changes: [
      change(
        "src/offline/unfinished-store.ts",
        "    for (const path of [...this.#parts, this.directory]) await this.#fileSystem.syncDirectory(path);\n",
      ),
    ],
    ...copied,
  },
  {
    what: "the sync of the name of a backup",
    changes: [
      change("src/offline/unfinished-store.ts", "      await syncAncestors(this.#fileSystem, name);\n"),
    ],
    ...copied,
  },
];

/**
 * What the crashes of such a server lead to; undefined: nothing was found. A real server does not do the same twice:
 * what one life has not shown, another one may.
 */
export async function violationWithout(missing: MissingSafeguard, seed: number): Promise<unknown> {
  const { changes, life, stage } = missing;
  using source = changedSource(changes);
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const played = new PlayedLives(seed + attempt, { root: source.path, until: stage });
    const bounds = { seed: seed + attempt, only: stage, ...smallBounds };
    try {
      await enumerateLife(played, life, bounds);
    } catch (error) {
      return error;
    }
  }
  return undefined;
}

const attemptsMax = 3;
const smallBounds = { statesMax: 8, deepRecoveries: 0, deepStatesMax: 0, realStartsMax: 0 };

function changesOf(mutant: string): readonly SourceChange[] {
  const found = mutants.find(({ name }) => name === mutant);
  if (found === undefined) throw new Error(`There is no mutant "${mutant}"`);
  return found.changes;
}

function change(file: string, from: string): SourceChange {
  return { file, from, to: "" };
}
