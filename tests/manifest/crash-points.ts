import { randomBelow, seededRandom } from "../../src/lib/random.ts";
import { openManifest, type Manifest } from "../../src/manifest/manifest.ts";
import type { ManifestEdit, ManifestState } from "../../src/manifest/manifest-state.ts";
import { FailingFileSystem } from "../../src/vfs/failing.ts";
import type { CallKind } from "../../src/vfs/fault.ts";
import type { FileSystem } from "../../src/vfs/file-system.ts";
import type { CrashOptions, MemoryFileSystem } from "../../src/vfs/memory.ts";
import {
  createTestManifest,
  describeState,
  edit,
  emptyState,
  manifestDirectory,
} from "./manifest-fixture.ts";
import { stateAfter } from "./random-edits.ts";

/**
 * Keeps the books of one manifest: what may be found if the machine stops now. That is the state as of the last edit
 * that was announced, or of any that was asked for since. Undefined stands for no manifest at all.
 */
export class Ledger {
  /** In the order of the edits; the first one was announced, or shown by a start. */
  #possible: (ManifestState | undefined)[];

  constructor(found: ManifestState | undefined) {
    this.#possible = [found];
  }

  /** Descriptions of every state that a start may find now. */
  get possible(): string[] {
    return this.#possible.map(describeState);
  }

  /** What the next edit follows. */
  get state(): ManifestState {
    return this.#possible.at(-1)!;
  }

  async create(fileSystem: FileSystem, manifestBytesMax: number): Promise<Manifest> {
    this.#possible.push(emptyState);
    const manifest = await createTestManifest(fileSystem, manifestBytesMax);
    this.#possible.shift();
    return manifest;
  }

  async apply(manifest: Manifest, next: ManifestEdit): Promise<void> {
    const after = stateAfter(this.state, next);
    this.#possible.push(after);
    await manifest.apply(next);
    this.#possible.splice(0, this.#possible.indexOf(after));
  }
}

/** Something that is done to a manifest, on a disk that holds one of these states. */
export interface Scenario {
  readonly disk: MemoryFileSystem;
  readonly possible: readonly string[];
  readonly manifestBytesMax: number;
  /** How many power cuts with random losses there are at each place; 3 if nothing is said. */
  readonly randomCuts?: number;
  /** Makes those of scenarios differ that are alike. */
  readonly salt?: number;
  readonly act: (manifest: Manifest, ledger: Ledger) => Promise<void>;
}

interface Snapshot {
  readonly disk: MemoryFileSystem;
  readonly possible: readonly string[];
  readonly order: number;
  /** The calls that had been made, innermost last: where to look when it fails. */
  readonly story: string;
}

/**
 * Stops the machine before every call that changes or syncs something on the disk, in several ways each; and where
 * `depth` is 2 once more before every such call of the recoveries. Returns how many recoveries were checked.
 */
export async function crashEverywhere(scenario: Scenario, depth: 1 | 2): Promise<number> {
  const snapshots: Snapshot[] = [];
  const { salt = 0, randomCuts = 3 } = scenario;
  let ledger: Ledger | undefined;
  const takeSnapshots = (story: string) => {
    for (const [name, crash] of crashes(salt + snapshots.length, randomCuts)) {
      const possible = ledger?.possible ?? scenario.possible;
      const disk = scenario.disk.crash(crash);
      snapshots.push({ disk, possible, order: snapshots.length, story: `${story}, ${name}` });
    }
  };
  const fileSystem = new FailingFileSystem(scenario.disk, {
    onCall: ({ kind, path }, index) => {
      if (!passive.has(kind)) takeSnapshots(`crash before call ${index}, ${kind} ${path}`);
    },
  });
  const opened = await start(
    fileSystem,
    scenario.possible,
    scenario.manifestBytesMax,
    (begun) => (ledger = begun),
  );
  await scenario.act(opened.manifest, opened.ledger);
  takeSnapshots("crash at the end");

  let checked = 0;
  for (const snapshot of snapshots) checked += await recover(snapshot, scenario.manifestBytesMax, depth - 1);
  return checked;
}

/** Opens what there is, which must be one of the possible states, or begins it where there may be nothing. */
export async function start(
  fileSystem: FileSystem,
  possible: readonly string[],
  manifestBytesMax: number,
  onLedger: (ledger: Ledger) => void = () => {},
): Promise<{ manifest: Manifest; ledger: Ledger }> {
  const manifest = await openManifest(fileSystem, manifestDirectory, { manifestBytesMax });
  const found = describeState(manifest?.state);
  if (!possible.includes(found)) {
    throw new Error(`found a state that can't be:\n${found}\nand not one of:\n${possible.join("\n")}`);
  }
  const ledger = new Ledger(manifest?.state);
  onLedger(ledger);
  return { manifest: manifest ?? (await ledger.create(fileSystem, manifestBytesMax)), ledger };
}

/** Opens what a crash left, compares, goes on, and loses the power once more; then the same for crashes meanwhile. */
async function recover(snapshot: Snapshot, manifestBytesMax: number, depth: number): Promise<number> {
  const { disk, possible, order, story } = snapshot;
  const deeper: Snapshot[] = [];
  let ledger: Ledger | undefined;
  const fileSystem = new FailingFileSystem(disk, {
    onCall: ({ kind, path }, index) => {
      if (depth === 0 || passive.has(kind)) return;
      // One way for each call: the ways take turns, and what a recovery does is much the same every time.
      const [name, crash] = crashes(deeper.length, 1)[(deeper.length + order) % 3]!;
      const again = `${story}; again before call ${index}, ${kind} ${path}, ${name}`;
      deeper.push({ disk: disk.crash(crash), possible: ledger?.possible ?? possible, order, story: again });
    },
  });
  try {
    const recovered = await start(fileSystem, possible, manifestBytesMax, (begun) => (ledger = begun));
    const { state } = recovered.ledger;
    await recovered.ledger.apply(recovered.manifest, edit(state, { coveredSeq: state.coveredSeq + 1 }));
    // A power cut shows whether what was recovered is durable, and what came after it.
    const left = disk.crash({ unsynced: "lost" });
    await start(left, recovered.ledger.possible, manifestBytesMax);
  } catch (error) {
    throw new Error(`${story}: ${(error as Error).message}`, { cause: error });
  }
  let checked = 1;
  for (const next of deeper) checked += await recover(next, manifestBytesMax, depth - 1);
  return checked;
}

/** Before these the disk is as it was before the last call that is not one of them. */
const passive = new Set<CallKind>([
  "exists",
  "freeBytes",
  "realPath",
  "list",
  "openRead",
  "open",
  "size",
  "read",
  "close",
]);

/** Ways for the machine to stop; `salt` makes the random ones differ from place to place. */
function crashes(salt: number, mixedCount: number): [name: string, crash: CrashOptions][] {
  const random = seededRandom(salt + 1);
  const mixed = Array.from({ length: mixedCount }, (): [string, CrashOptions] => {
    const seed = randomBelow(random, 1_000_000);
    return [`power cut with seed ${seed}`, { random: seededRandom(seed) }];
  });
  return [["killed", { unsynced: "kept" }], ["power cut, all unsynced lost", { unsynced: "lost" }], ...mixed];
}
