import { randomBelow, type Random } from "../../../src/lib/random.ts";
import type { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import { Content, Contents } from "./content.ts";
import { damagesOf, type Damage, type DamageKind, type Family, type FileChange } from "./damages.ts";
import { judgeCheck, judgeReading, judgeTableCheck, type Outcome, Violation } from "./judge.ts";
import { OneTable, readByCheck, readByEngine, readByRecovery } from "./readings.ts";
import { diskOf, type Subject } from "./subject.ts";

/** Of the damages to one table so many go by between two after which all of the store is read. */
const wholeEvery = 32;
/** A start for good writes files and takes ten times as long as reading: one damage in so many that lose nothing. */
const startEvery = 64;

/**
 * Damages one store, again and again, and has it read by what a start reads with, by starts for good, and by `check`.
 * Throws at the first outcome that may not be.
 */
export class DamageSweep {
  readonly subject: Subject;
  readonly families: readonly Family[];
  readonly counts = new Map<DamageKind, Map<Outcome, number>>();
  /** Damaged stores, and how many of them were read as a whole, and started for good. */
  damages = 0;
  wholes = 0;
  starts = 0;
  readonly #disk: MemoryFileSystem;
  readonly #contents: Contents;
  readonly #oneTable: OneTable;

  private constructor(subject: Subject, disk: MemoryFileSystem) {
    this.subject = subject;
    this.families = damagesOf(subject);
    this.#disk = disk;
    this.#contents = new Contents(subject);
    this.#oneTable = new OneTable(disk, subject);
  }

  /** Refuses a store that is not sound to begin with, or not read as it should be. */
  static async begin(subject: Subject): Promise<DamageSweep> {
    const sweep = new DamageSweep(subject, await diskOf(subject));
    const sound: Damage = { kind: "file cut", place: "nowhere", changes: [] };
    for (const reading of [
      await readByRecovery(sweep.#disk, sweep.#contents),
      await readByEngine(sweep.#disk, sweep.#contents, subject.lastSeq),
    ]) {
      if ("error" in reading) throw reading.error;
      const outcome = judgeReading(subject, sound, reading);
      if (outcome !== "identical") throw new Error(`The sound store is ${outcome}`);
    }
    const report = readByCheck(sweep.#disk);
    if ("error" in report || report.findings.length + report.notes.length > 0)
      throw new Error(`check finds in the sound store: ${JSON.stringify(report)}`);
    return sweep;
  }

  get size(): number {
    return this.families.reduce((sum, { count }) => sum + count, 0);
  }

  /** The damage with this number, of all of them; undefined: it would change nothing. */
  damage(index: number): Damage | undefined {
    let left = index;
    for (const family of this.families) {
      if (left < family.count) return family.at(left);
      left -= family.count;
    }
    throw new RangeError(`there are ${this.size} damages`);
  }

  /** So many of each kind, drawn, or all of a kind that has no more. */
  draw(countPerKind: number, random: Random): Damage[] {
    const drawn: Damage[] = [];
    for (const [kind, families] of Map.groupBy(this.families, (family) => family.kind)) {
      const size = families.reduce((sum, { count }) => sum + count, 0);
      const isAll = size <= countPerKind;
      for (let draw = 0; draw < Math.min(size, countPerKind); draw++) {
        let left = isAll ? draw : randomBelow(random, size);
        const family = families.find(({ count }) => (left -= count) < 0)!;
        const damage = family.at(left + family.count);
        if (damage?.kind === kind) drawn.push(damage);
      }
    }
    return drawn;
  }

  async try(damage: Damage): Promise<Outcome> {
    this.damages++;
    await this.#change(damage.changes);
    let outcome: Outcome;
    try {
      outcome = await this.#outcomeOf(damage);
    } finally {
      await this.#change(damage.changes.map(({ path }) => ({ path, bytes: this.subject.files.get(path)! })));
    }
    const counts = this.counts.get(damage.kind) ?? new Map<Outcome, number>();
    this.counts.set(damage.kind, counts.set(outcome, (counts.get(outcome) ?? 0) + 1));
    return outcome;
  }

  async #outcomeOf(damage: Damage): Promise<Outcome> {
    const [change] = damage.changes;
    const number =
      damage.changes.length === 1 && change?.bytes !== undefined
        ? this.#oneTable.numberOf(change.path)
        : undefined;
    if (number === undefined) return this.#wholeOutcomeOf(damage);
    const reading = await this.#oneTable.read(number, (each) => this.#contentOfTable(each));
    const outcome = judgeReading(this.subject, damage, reading);
    judgeTableCheck(damage, outcome, this.#oneTable.check(number));
    if (this.damages % wholeEvery !== 0) return outcome;
    const whole = await this.#wholeOutcomeOf(damage);
    if (whole !== outcome) throw new Violation(`${whole} as a whole, and ${outcome} as a table`);
    return outcome;
  }

  async #wholeOutcomeOf(damage: Damage): Promise<Outcome> {
    this.wholes++;
    const reading = await readByRecovery(this.#disk, this.#contents);
    const outcome = judgeReading(this.subject, damage, reading);
    judgeCheck(damage, outcome, readByCheck(this.#disk));
    const losesSome = outcome !== "identical" && outcome !== "refused";
    if (!losesSome && this.wholes % startEvery !== 0) return outcome;
    this.starts++;
    const lastSeq = "error" in reading ? this.subject.lastSeq : reading.lastSeq;
    const started = await readByEngine(this.#disk, this.#contents, lastSeq);
    const startOutcome = judgeReading(this.subject, damage, started);
    if (startOutcome !== outcome)
      throw new Violation(`${startOutcome} by a start, and ${outcome} by its reading`);
    return outcome;
  }

  #contentOfTable(number: number): Content {
    return new Content({ versions: this.subject.versions.filter(({ table }) => table === number) }, Infinity);
  }

  async #change(changes: readonly FileChange[]): Promise<void> {
    const disk = this.#disk;
    for (const { path, bytes } of changes) {
      if (bytes === undefined) disk.unlink(path);
      else {
        const file = disk.exists(path) ? disk.open(path) : disk.create(path);
        if (file.size() > bytes.length) file.truncate(bytes.length);
        file.write(bytes, 0);
        file.datasyncNow();
        file.close();
      }
    }
  }
}
