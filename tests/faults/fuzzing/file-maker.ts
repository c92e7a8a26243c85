import { Buffer } from "node:buffer";
import { randomBelow, seededRandom, type Random } from "../../../src/lib/random.ts";
import { mutateFile, type FileSample } from "./file-sample.ts";
import { anyRawTable, logSamples, manifestSamples, tableSamples, type LogSample } from "./file-samples.ts";
import { mendManifest } from "./manifest-shape.ts";
import { mendSegment, type MendedEnd } from "./segment-shape.ts";
import { mendTable, tableSample } from "./table-shape.ts";

/** Makes damaged files from valid ones, most of them with checksums that are right again. */
export class FileMaker {
  readonly #random: Random;
  readonly #logs: LogSample[];
  readonly #manifests: FileSample[];
  readonly #tables: FileSample[];

  static async begin(seed: number, samples = 60): Promise<FileMaker> {
    const [logs, manifests, tables] = [
      await logSamples(seed, samples),
      await manifestSamples(seed, samples),
      await tableSamples(seed, 2 * samples),
    ];
    return new FileMaker(seededRandom(seed), logs, manifests, tables);
  }

  private constructor(random: Random, logs: LogSample[], manifests: FileSample[], tables: FileSample[]) {
    this.#random = random;
    this.#logs = logs;
    this.#manifests = manifests;
    this.#tables = tables;
  }

  /**
   * The segments of a log: one of them changed, or missing, or that of another log; others follow it or do
   * not.
   */
  log(): Map<string, Buffer> {
    const random = this.#random;
    const sample = this.#any(this.#logs);
    const foreign = this.#any(this.#logs);
    const names = [...sample.keys()];
    const chosen = this.#any(names);
    const files = new Map<string, Buffer>();
    const choice = randomBelow(random, 32);
    const mends = randomBelow(random, 16) > 0;
    let before: MendedEnd | undefined;
    for (const name of names) {
      const own = sample.get(name)!;
      if (name !== chosen || choice === 0) {
        if (name === chosen && names.length > 1) continue;
        const bytes = Buffer.from(own.bytes);
        // A segment behind the changed one says how that one ends now, or how it once did.
        if (before !== undefined && mends) before = mendSegment(bytes, random, before);
        files.set(name, bytes);
        continue;
      }
      const other = this.#any([...foreign.values()]);
      const bytes = choice === 1 ? Buffer.from(other.bytes) : mutateFile(own, other, random);
      if (mends) before = mendSegment(bytes, random, before);
      files.set(choice === 2 ? this.#any(strangeNames) : name, bytes);
    }
    return files;
  }

  manifest(): Buffer {
    const bytes = mutateFile(this.#any(this.#manifests), this.#any(this.#manifests), this.#random);
    if (randomBelow(this.#random, 16) > 0) mendManifest(bytes, this.#random);
    return bytes;
  }

  table(): Buffer {
    const random = this.#random;
    if (randomBelow(random, 64) === 0) {
      // The pool stays on the move.
      const fresh = anyRawTable(random);
      if (fresh !== undefined) this.#tables[randomBelow(random, this.#tables.length)] = tableSample(fresh);
    }
    const sample = this.#any(this.#tables);
    if (randomBelow(random, 32) === 0) return Buffer.from(sample.bytes);
    const bytes = mutateFile(sample, this.#any(this.#tables), random);
    if (randomBelow(random, 16) > 0) mendTable(bytes, random, sample.bytes.length);
    return bytes;
  }

  #any<T>(choices: readonly T[]): T {
    return choices[randomBelow(this.#random, choices.length)]!;
  }
}

const strangeNames = [
  "000000000009.wal",
  "notes.txt",
  "000000000001-400.torn",
  "000000000003.wal.tmp",
  ".mine",
];
