import { assert } from "../lib/assert.ts";
import { keyBytesMax } from "../lib/limits.ts";
import { equalKeys } from "../memtable/compare-keys.ts";
import { copyBytes } from "../table/copy-bytes.ts";
import type { TableStream } from "../table/table-stream.ts";
import { AscendingRanges } from "./ascending-ranges.ts";
import { GrandparentCuts } from "./grandparent-cuts.ts";
import type { JobResult, MergeJob } from "./job.ts";
import type { JobWorld } from "./job-world.ts";
import { rangeOf } from "./levels.ts";
import { MergeTree } from "./merge-tree.ts";
import { TableOutputs } from "./table-outputs.ts";
import { TableRun } from "./table-run.ts";
import { VersionStripes } from "./version-stripes.ts";

/**
 * Merges tables into new ones, and leaves out what nobody can see any more. README.md gives the two rules for that,
 * and why they are safe. The inputs are only read; whoever applies the result to the manifest may remove them then.
 */
export async function runMerge(world: JobWorld, job: MergeJob): Promise<JobResult> {
  const startMs = world.clock.monotonicMs();
  const inputs = job.runs.flat();
  const versionMin = Math.min(...inputs.map((table) => table.versionMin));
  const outputs = new TableOutputs(world, job, versionMin, true);
  const runs = job.runs.map((tables) => new TableRun(world.fileSystem, job, tables));
  try {
    for (const run of runs) run.next();
    const { firstKey, lastKey } = rangeOf(inputs);
    const merge = new Merge(job, outputs, runs, sharedBytes(firstKey, lastKey));
    for (let stop = merge.run(); stop !== "end"; stop = merge.run()) {
      if (stop === "table") await outputs.endTable();
      await outputs.endChunk();
    }
    const tables = await outputs.publish();
    const { entriesIn, droppedVersions, droppedTombstones } = merge;
    return {
      tables,
      bytesRead: runs.reduce((sum, run) => sum + run.bytesRead, 0),
      bytesWritten: outputs.bytesWritten,
      entriesIn,
      entriesOut: outputs.entryCount,
      droppedVersions,
      droppedTombstones,
      durationMs: world.clock.monotonicMs() - startMs,
    };
  } catch (error) {
    outputs.discard();
    throw error;
  } finally {
    for (const run of runs) run.close();
  }
}

/** So many bytes of input are looked at between two turns of the event loop, also where nothing is written. */
const inputBytesPerChunk = 2 * 1024 * 1024;
/** What an entry costs beside its bytes. */
const entryCostBytes = 64;

/** The part that runs from one stop to the next without waiting for anything. */
class Merge {
  entriesIn = 0;
  droppedVersions = 0;
  droppedTombstones = 0;
  readonly #outputs: TableOutputs;
  readonly #runs: readonly TableRun[];
  readonly #tree: MergeTree;
  readonly #stripes: VersionStripes;
  readonly #deeper: readonly AscendingRanges[];
  readonly #cuts: GrandparentCuts;
  // The entry before: its key, and which of its versions was seen last.
  readonly #lastKey = Buffer.allocUnsafeSlow(keyBytesMax);
  #lastKeyLength = 0;
  #lastHead = -1;
  #lastVersion = 0;
  #lastStripe = 0;

  constructor(job: MergeJob, outputs: TableOutputs, runs: readonly TableRun[], sharedBytes: number) {
    this.#outputs = outputs;
    this.#runs = runs;
    this.#tree = new MergeTree(runs, sharedBytes);
    this.#stripes = new VersionStripes(job.snapshots);
    this.#deeper = job.deeper.map((ranges) => new AscendingRanges(ranges));
    this.#cuts = new GrandparentCuts(job.grandparents, job.grandparentBytesMax);
  }

  /** Goes on until a chunk or a table is to be ended, or all is merged. */
  run(): "chunk" | "table" | "end" {
    const outputs = this.#outputs;
    const tree = this.#tree;
    for (let budget = inputBytesPerChunk; budget > 0;) {
      const run = this.#runs[tree.winner]!;
      const { stream } = run;
      if (stream === undefined) return "end";
      const isNewKey = !this.#isLastKey(stream);
      if (isNewKey && this.#isCutBefore(stream)) return "table";

      if (this.#isKept(stream, isNewKey)) {
        const { keyBytes, keyStart, keyEnd, version, isTombstone, valueBytes, valueStart, valueEnd } = stream;
        outputs.writer.add(
          keyBytes,
          keyStart,
          keyEnd,
          version,
          isTombstone,
          valueBytes,
          valueStart,
          valueEnd,
        );
      }
      this.entriesIn++;
      budget -= entryCostBytes + stream.valueEnd - stream.valueStart;
      run.next();
      tree.advanced();
      if (outputs.isChunkFull) return "chunk";
    }
    return "chunk";
  }

  #isLastKey({ keyBytes, keyStart, keyEnd }: TableStream): boolean {
    if (this.#tree.head !== this.#lastHead || keyEnd - keyStart !== this.#lastKeyLength) return false;
    return equalKeys(keyBytes, keyStart, this.#lastKey, 0, this.#lastKeyLength);
  }

  /** Whether the open table ends here. All versions of a key lie in one table, so that no two overlap. */
  #isCutBefore({ keyBytes, keyStart, keyEnd }: TableStream): boolean {
    const outputs = this.#outputs;
    const cuts = this.#cuts;
    const isDue = cuts.isDueBefore(keyBytes, keyStart, keyEnd);
    if (!outputs.hasOpenTable) cuts.reset();
    return outputs.hasOpenTable && (isDue || outputs.isTableFull);
  }

  #isKept(stream: TableStream, isNewKey: boolean): boolean {
    const { version } = stream;
    const stripe = this.#stripes.of(version);
    if (isNewKey) {
      this.#remember(stream);
    } else {
      assert(version < this.#lastVersion, "what is newer comes from a newer run");
      this.#lastVersion = version;
      if (stripe === this.#lastStripe) {
        this.droppedVersions++;
        return false;
      }
    }
    this.#lastVersion = version;
    this.#lastStripe = stripe;
    if (!stream.isTombstone || stripe > 0 || this.#mayHideOlder(stream)) return true;
    this.droppedTombstones++;
    return false;
  }

  #remember({ keyBytes, keyStart, keyEnd }: TableStream): void {
    this.#lastHead = this.#tree.head;
    this.#lastKeyLength = keyEnd - keyStart;
    copyBytes(this.#lastKey, 0, keyBytes, keyStart, keyEnd);
  }

  #mayHideOlder({ keyBytes, keyStart, keyEnd }: TableStream): boolean {
    for (const ranges of this.#deeper) if (ranges.hold(keyBytes, keyStart, keyEnd)) return true;
    return false;
  }
}

function sharedBytes(firstKey: Uint8Array, lastKey: Uint8Array): number {
  const length = Math.min(firstKey.length, lastKey.length);
  let shared = 0;
  while (shared < length && firstKey[shared] === lastKey[shared]) shared++;
  return shared;
}
