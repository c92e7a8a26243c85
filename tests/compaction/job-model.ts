import { InlineRunner } from "../../src/compaction/inline-runner.ts";
import type { JobResult } from "../../src/compaction/job.ts";
import { newestFirst, type KeyRange } from "../../src/compaction/levels.ts";
import { VersionStripes } from "../../src/compaction/version-stripes.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { randomBelow, randomBytes, type Random } from "../../src/lib/random.ts";
import { tableName } from "../../src/table/table-format.ts";
import type { TableSummary } from "../../src/table/table-summary.ts";
import type { NaiveEntry } from "../table/naive-table.ts";
import {
  directory,
  emptyDisk,
  entriesOf,
  flushJob,
  mergeJob,
  segmentBytes,
  writeSegment,
  type Operation,
} from "./job-fixture.ts";

/**
 * A store of jobs alone, beside a list of everything that was ever written: level 0, newest first, and one level of
 * sorted runs below it. Whatever is flushed and merged, every reader must find what the list says.
 */
export class JobModel {
  readonly #random: Random;
  readonly #disk = emptyDisk();
  readonly #runner: InlineRunner;
  /** Newest first. All but the last may overlap each other. */
  #zero: TableSummary[] = [];
  /** Deeper levels, each in the order of keys. */
  #deeper: TableSummary[][] = [[], []];
  /** Of each key its versions, oldest first; a value of undefined is a delete. */
  readonly #history = new Map<string, { version: number; value: Buffer | undefined }[]>();
  #snapshots: number[] = [];
  #lastSeq = 0;
  #lastSegment = 0;
  #nextTableNumber = 1;
  readonly #tableBytesMax: number;
  readonly #keys: Buffer[];

  constructor(random: Random) {
    this.#random = random;
    this.#runner = new InlineRunner(this.#disk, systemClock, 64 + randomBelow(random, 4000));
    this.#tableBytesMax = 100 + randomBelow(random, 4000);
    this.#keys = Array.from({ length: 4 + randomBelow(random, 60) }, () => this.#anyKey());
  }

  async step(): Promise<void> {
    switch (randomBelow(this.#random, 6)) {
      case 0:
        this.#snapshots = [...new Set([...this.#snapshots, this.#lastSeq])];
        return;
      case 1:
        this.#snapshots.splice(randomBelow(this.#random, this.#snapshots.length + 1), 1);
        return;
      case 2:
        return this.#mergeWithinZero();
      case 3:
        return this.#mergeZeroDown();
      case 4:
        return this.#mergeDown();
      default:
        return this.#flush();
    }
  }

  /** Compares what every reader sees with the list, and the files on the disk with those that there should be. */
  check(): void {
    const tables = [...this.#zero, ...this.#deeper.flat()];
    const found = new Map<string, NaiveEntry[]>();
    for (const entry of tables.flatMap((table) => entriesOf(this.#disk, [table]))) {
      const key = entry.key.toString("hex");
      found.set(key, [...(found.get(key) ?? []), entry]);
    }
    for (const seq of [...this.#snapshots, this.#lastSeq]) {
      for (const [key, versions] of this.#history) {
        const expected = versions.findLast(({ version }) => version <= seq);
        // The tables come newest first, and so must the versions of each key in them.
        const seen = found.get(key)?.find(({ version }) => version <= seq);
        const seenValue = seen === undefined || seen.isTombstone ? undefined : seen.value;
        if (expected?.value === undefined ? seenValue === undefined : seenValue?.equals(expected.value))
          continue;
        throw new Error(`At ${seq} key ${key} has ${seen?.version}, and should have ${expected?.version}`);
      }
    }
    const names = this.#disk.list(directory).sort();
    const expectedNames = tables.map(({ number }) => tableName(number)).sort();
    if (!Bun.deepEquals(names, expectedNames)) throw new Error(`There are ${names}, not ${expectedNames}`);
  }

  #anyKey(): Buffer {
    const length = [1, 2, 3, 8, 15, 16, 17, 200][randomBelow(this.#random, 8)]!;
    const key = Buffer.from(randomBytes(this.#random, length));
    // Few different bytes, so that keys have long beginnings in common.
    for (let at = 0; at < length; at++) key[at]! %= at < length - 3 ? 1 : 4;
    return key;
  }

  async #flush(): Promise<void> {
    const firstSeq = this.#lastSeq + 1;
    const groups: (Operation | Operation[])[][] = [];
    const random = this.#random;
    for (let group = randomBelow(random, 8); group > 0; group--) {
      const items: (Operation | Operation[])[] = [];
      for (let item = randomBelow(random, 6); item > 0; item--) {
        const count = randomBelow(random, 4);
        const operations = Array.from({ length: Math.max(1, count) }, () => this.#anyOperation());
        this.#remember(operations, count > 1);
        items.push(count > 1 ? operations : operations[0]!);
      }
      groups.push(items);
    }
    const content = segmentBytes(++this.#lastSegment, firstSeq, groups);
    const job = flushJob(writeSegment(this.#disk, content), this.#output());
    const result = await this.#runner.run(job);
    this.#took(result);
    this.#assertMinimal(result.tables);
    this.#zero = [...result.tables, ...this.#zero].sort(newestFirst);
  }

  #anyOperation(): Operation {
    const random = this.#random;
    const key = this.#keys[randomBelow(random, this.#keys.length)]!;
    const isDelete = randomBelow(random, 3) === 0;
    return { key, value: isDelete ? undefined : Buffer.from(randomBytes(random, randomBelow(random, 300))) };
  }

  #remember(operations: Operation[], isBatch: boolean): void {
    const commitSeq = this.#lastSeq + operations.length + 1;
    for (const { key, value } of operations) {
      const version = isBatch ? commitSeq : ++this.#lastSeq;
      const name = key.toString("hex");
      const versions = this.#history.get(name) ?? [];
      // Of a batch that writes a key twice, the last counts.
      if (versions.at(-1)?.version === version) versions.pop();
      versions.push({ version, value });
      this.#history.set(name, versions);
    }
    if (isBatch) this.#lastSeq = commitSeq;
  }

  /** Neighbours in age, as long as no others lie between the ages of any two of them. */
  async #mergeWithinZero(): Promise<void> {
    const end = randomBelow(this.#random, this.#zero.length + 1);
    const inputs = this.#zero.slice(0, end);
    const older = this.#zero.slice(end);
    const versionMin = Math.min(...inputs.map((table) => table.versionMin));
    if (inputs.length === 0 || older.some((table) => table.versionMax >= versionMin)) return;
    const outputs = await this.#merge(
      inputs.map((table) => [table]),
      [...older.map((table) => [table]), ...this.#deeper],
    );
    this.#zero = [...outputs, ...older].sort(newestFirst);
  }

  async #mergeZeroDown(): Promise<void> {
    if (this.#zero.length === 0) return;
    const [upper, lower] = this.#deeper as [TableSummary[], TableSummary[]];
    const inputs = this.#zero.map((table) => [table]);
    this.#zero = [];
    this.#deeper = [await this.#merge([...inputs, upper], [lower], lower), lower];
  }

  /** Some neighbours of one level, with all of the level below. */
  async #mergeDown(): Promise<void> {
    const [upper, lower] = this.#deeper as [TableSummary[], TableSummary[]];
    const start = randomBelow(this.#random, upper.length + 1);
    const inputs = upper.slice(start, start + 1 + randomBelow(this.#random, 3));
    if (inputs.length === 0) return;
    const rest = upper.filter((table) => !inputs.includes(table));
    this.#deeper = [rest, await this.#merge([inputs, lower], [])];
  }

  async #merge(
    runs: TableSummary[][],
    deeper: TableSummary[][],
    grandparents: TableSummary[] = [],
  ): Promise<TableSummary[]> {
    const ranges = deeper.map((tables): KeyRange[] => tables);
    const inputs = runs.filter((run) => run.length > 0);
    const grandparentBytesMax = randomBelow(this.#random, 5000);
    const job = mergeJob(inputs, { ...this.#output(), deeper: ranges, grandparents, grandparentBytesMax });
    const result = await this.#runner.run(job);
    this.#took(result);
    const { entriesIn, entriesOut, droppedVersions, droppedTombstones, tables } = result;
    if (entriesIn !== entriesOut + droppedVersions + droppedTombstones) throw new Error("Entries got lost");
    this.#assertMinimal(tables, deeper);
    for (const { number } of inputs.flat()) this.#disk.unlink(`${directory}/${tableName(number)}`);
    return tables;
  }

  #output() {
    return {
      snapshots: this.#snapshots,
      tableBytesMax: this.#tableBytesMax,
      firstTableNumber: this.#nextTableNumber,
    };
  }

  #took({ tables }: JobResult): void {
    this.#nextTableNumber += tables.length;
    const numbers = tables.map(({ number }) => number);
    if (new Set(numbers).size !== numbers.length) throw new Error("Two tables have one number");
    for (let index = 1; index < tables.length; index++) {
      if (Buffer.compare(tables[index - 1]!.lastKey, tables[index]!.firstKey) < 0) continue;
      throw new Error("Outputs overlap");
    }
  }

  /** Nothing is kept that nobody can see: a version a stripe, and no tombstone that has nothing to hide. */
  #assertMinimal(tables: TableSummary[], deeper?: TableSummary[][]): void {
    const stripes = new VersionStripes(this.#snapshots);
    let before: { key: string; stripe: number } | undefined;
    for (const { key, version, isTombstone } of entriesOf(this.#disk, tables)) {
      const at = { key: key.toString("hex"), stripe: stripes.of(version) };
      if (Bun.deepEquals(at, before)) throw new Error(`Two versions of ${at.key} in stripe ${at.stripe}`);
      before = at;
      if (!isTombstone || deeper === undefined || at.stripe > 0) continue;
      const hides = deeper
        .flat()
        .some(
          ({ firstKey, lastKey }) => Buffer.compare(firstKey, key) <= 0 && Buffer.compare(key, lastKey) <= 0,
        );
      if (!hides) throw new Error(`The tombstone of ${at.key} hides nothing`);
    }
  }
}
