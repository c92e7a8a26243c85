import type { CommitOrder, Deed, Look, Requirement, Step } from "./commit-order.ts";
import type { HistoryOperation } from "./history.ts";
import type { HistoryViolation } from "./history-violation.ts";
import { OpenOperations } from "./open-operations.ts";
import { type Choice, copyOf, type Move, type Point } from "./placement-point.ts";
import { nameOf } from "./print-history.ts";

/**
 * Looks for an order of everything, from the first operation to the last. Steps come in the order of their versions. A
 * look changes nothing, so it gets its place as soon as what it needs is there: if it fits later, it fits now. What is
 * left to try is where a write in doubt may have happened: only where the versions around leave room for its records,
 * only before its life ended, and only if somebody could notice. What was tried in vain from some state is not tried
 * again from there.
 */
export class Placement {
  readonly #steps: readonly Step[];
  readonly #looks: readonly Look[];
  readonly #doubts: readonly Deed[];
  readonly #named: CommitOrder["named"];
  readonly #open: OpenOperations;
  /** The moments at which lives ended in which something is in doubt. */
  readonly #horizons: readonly number[];
  readonly #choices: Choice[] = [];
  readonly #triedInVain = new Set<string>();
  #at: Point;
  #furthest = { placedCount: -1, detail: "", ids: [] as readonly number[] };

  constructor({ steps, looks, doubts, named }: CommitOrder) {
    this.#steps = steps;
    this.#looks = looks.toSorted((a, b) => a.operation.invoked - b.operation.invoked);
    this.#named = named;
    this.#doubts = doubts
      .filter((doubt) => doubt.changes.some(({ key, isPut }) => !isPut || named.has(key)))
      .sort((a, b) => a.operation.invoked - b.operation.invoked);
    const ends = this.#doubts.map(({ operation }) => operation.returned);
    this.#horizons = [...new Set(ends)].filter(Number.isFinite).sort((a, b) => a - b);
    this.#open = new OpenOperations([...this.#steps, ...this.#looks].map(({ operation }) => operation));
    this.#at = {
      ...{ next: 0, seq: 0, horizon: 0 },
      versions: new Map(),
      ...{ looksMet: 0, waiting: [], doubtsMet: 0, doubtful: [] },
    };
  }

  violation(): HistoryViolation | undefined {
    for (;;) {
      this.#placeLooks();
      if (this.#open.mostUrgent === undefined) return undefined;
      const moves = this.#moves();
      if (moves.length === 1) this.#make(moves[0]!);
      else if (moves.length > 1 && this.#isNew()) this.#choose(moves);
      else if (!this.#goBack()) break;
    }
    const { detail, ids } = this.#furthest;
    return { rule: "no-order", detail, ids };
  }

  #placeLooks(): void {
    const at = this.#at;
    for (let found = true; found;) {
      found = false;
      while (this.#isLookWithin(this.#horizon)) at.waiting.push(at.looksMet++);
      at.waiting = at.waiting.filter((index) => {
        if (!this.#holds(this.#looks[index]!.requires)) return true;
        this.#open.place(this.#steps.length + index);
        found = true;
        return false;
      });
    }
  }

  /** Whether the next look may have its place now, without passing this moment. */
  #isLookWithin(moment: number): boolean {
    const look = this.#looks[this.#at.looksMet];
    return look !== undefined && look.operation.invoked <= moment && this.#open.mayBeNext(look.operation);
  }

  #moves(): Move[] {
    const moves: Move[] = [];
    const step = this.#steps[this.#at.next];
    const mayStep = step !== undefined && this.#open.mayBeNext(step.operation);
    const isBeyond = mayStep && step.operation.invoked > this.#horizon;
    if (mayStep && !isBeyond && this.#unmet(step) === undefined) moves.push({ kind: "step" });
    if (this.#horizon !== Infinity && (isBeyond || this.#isLookWithin(Infinity)))
      moves.push({ kind: "pass" });
    const room = (step?.version ?? Infinity) - (step?.records ?? 0);
    this.#meetDoubts();
    for (const index of this.#at.doubtful) {
      for (const version of this.#versionsFor(this.#doubts[index]!, room))
        moves.push({ kind: "doubt", index, version });
    }
    if (moves.length === 0) this.#noteStuck(step);
    return moves;
  }

  #meetDoubts(): void {
    const at = this.#at;
    for (let doubt = this.#doubts[at.doubtsMet]; doubt !== undefined; doubt = this.#doubts[++at.doubtsMet]) {
      if (!this.#open.mayBeNext(doubt.operation)) return;
      if (doubt.operation.returned > this.#lastHorizon) at.doubtful.push(at.doubtsMet);
    }
  }

  /** The versions that a write in doubt could have here, if it happened here and anybody could notice. */
  #versionsFor({ records, requires, changes }: Deed, room: number): number[] {
    const { seq, versions } = this.#at;
    const earliest = seq + records;
    if (earliest > room || !this.#holds(requires)) return [];
    const found = changes
      .flatMap(({ key, isPut }) => (isPut ? (this.#named.get(key) ?? []) : []))
      .filter((version) => version >= earliest && version <= room);
    if (changes.some(({ key, isPut }) => !isPut && versions.has(key))) found.push(earliest);
    return [...new Set(found)];
  }

  #make(move: Move): void {
    const at = this.#at;
    if (move.kind === "pass") {
      at.horizon++;
      at.doubtful = at.doubtful.filter(
        (index) => this.#doubts[index]!.operation.returned > this.#lastHorizon,
      );
    } else if (move.kind === "step") {
      const step = this.#steps[at.next]!;
      this.#open.place(at.next++);
      this.#change(step, step.version);
    } else {
      at.doubtful = at.doubtful.filter((index) => index !== move.index);
      this.#change(this.#doubts[move.index]!, move.version);
    }
  }

  #change({ changes }: Deed, version: number): void {
    const at = this.#at;
    at.seq = version;
    for (const { key, isPut } of changes) {
      if (isPut) at.versions.set(key, version);
      else at.versions.delete(key);
    }
  }

  #choose([first, ...others]: Move[]): void {
    this.#choices.push({ mark: this.#open.mark(), at: copyOf(this.#at), moves: others });
    this.#make(first!);
  }

  /** To the last choice that has another way to go; false: all were tried. */
  #goBack(): boolean {
    const choice = this.#choices.at(-1);
    if (choice === undefined) return false;
    const move = choice.moves.shift()!;
    if (choice.moves.length === 0) this.#choices.pop();
    this.#open.takeBack(choice.mark);
    this.#at = copyOf(choice.at);
    this.#make(move);
    return true;
  }

  #isNew(): boolean {
    const { next, seq, looksMet, horizon, versions, waiting, doubtful } = this.#at;
    const state = [...versions].sort(([a], [b]) => (a < b ? -1 : 1)).join();
    const text = [next, seq, looksMet, horizon, state, waiting.join(), doubtful.join()].join("|");
    if (this.#triedInVain.has(text)) return false;
    this.#triedInVain.add(text);
    if (this.#triedInVain.size > choicesMax)
      throw new Error("Cannot judge this history: too much in it is in doubt");
    return true;
  }

  get #horizon(): number {
    return this.#horizons[this.#at.horizon] ?? Infinity;
  }

  /** Of the lives that are over. */
  get #lastHorizon(): number {
    return this.#horizons[this.#at.horizon - 1] ?? 0;
  }

  #holds(requires: readonly Requirement[]): boolean {
    return requires.every(({ key, version }) => (this.#at.versions.get(key) ?? 0) === version);
  }

  /** Why a step can't come now, although its turn has come. */
  #unmet({ version, records, requires }: Step): string | undefined {
    const { seq } = this.#at;
    if (version < seq + records) return `it has version ${version}, where ${seq} was given out before it`;
    return this.#unmetRequirement(requires);
  }

  #unmetRequirement(requires: readonly Requirement[]): string | undefined {
    const { versions } = this.#at;
    const unmet = requires.find(({ key, version }) => (versions.get(key) ?? 0) !== version);
    if (unmet === undefined) return undefined;
    const words = (version: number) => (version === 0 ? "absent" : `at version ${version}`);
    return `${unmet.key} is ${words(versions.get(unmet.key) ?? 0)} there, and not ${words(unmet.version)}`;
  }

  /** The way that led furthest tells most. */
  #noteStuck(step: Step | undefined): void {
    const { placedCount } = this.#open.mark();
    if (placedCount <= this.#furthest.placedCount) return;
    const urgentIndex = this.#open.mostUrgent!;
    const look = this.#looks[urgentIndex - this.#steps.length];
    const urgent: HistoryOperation = (look ?? this.#steps[urgentIndex]!).operation;
    const ids = [...new Set([urgent.id, step?.operation.id ?? urgent.id])];
    const details: string[] = [];
    if (look !== undefined)
      details.push(`${nameOf(urgent)} has no place: ${this.#unmetRequirement(look.requires)}`);
    if (step !== undefined && this.#open.mayBeNext(step.operation)) {
      const unmet = this.#unmet(step);
      if (unmet !== undefined) details.push(`${nameOf(step.operation)} has no place: ${unmet}`);
    } else if (step !== undefined) {
      const order = `was called after ${nameOf(urgent)} had returned`;
      details.push(`${nameOf(step.operation)} has the next version, and ${order}`);
    }
    this.#furthest = { placedCount, detail: details.join("; "), ids };
  }
}

/** Real histories make a handful of them for each life; this is for whoever feeds in something else. */
const choicesMax = 2_000_000;
