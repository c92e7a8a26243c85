import { randomBelow, type Random } from "../../../src/lib/random.ts";
import type { Operation, Seen } from "../../support/oracle-types.ts";
import { type Answer, type Sabotage, SimulatedStore } from "../../support/simulated-store.ts";
import { type Call, type History, HistoryRecorder, type Outcome } from "./history.ts";

export interface RandomHistoryOptions {
  readonly clients: number;
  readonly operations: number;
  readonly keys: readonly string[];
  readonly sabotage?: Sabotage | undefined;
}

/**
 * A history of a store that is known to keep the promise, or to break it in one way: clients that call, lose their
 * connection, hold snapshots and go on over crashes, interleaved at random.
 */
export function randomHistory(random: Random, options: RandomHistoryOptions): History {
  return new RandomRun(random, options).run();
}

/** A call on its way: to the store, then back with an answer that must not leave too early. */
interface Traveller {
  readonly id: number;
  readonly client: number;
  readonly call: Call;
  readonly keys: readonly string[];
  answer?: { readonly outcome: Outcome; readonly visibleAt: number };
  isAbandoned: boolean;
}

class RandomRun {
  readonly #random: Random;
  readonly #options: RandomHistoryOptions;
  readonly #recorder: HistoryRecorder;
  readonly #store: SimulatedStore;
  readonly #versions = new Map<string, number>();
  readonly #snapshots: { id: number; entries: ReadonlyMap<string, Seen>; life: number }[] = [];
  #travellers: Traveller[] = [];
  #begun = 0;
  #tag = 0;
  #life = 0;
  #nowMs = 0;

  constructor(random: Random, options: RandomHistoryOptions) {
    this.#random = random;
    this.#options = options;
    this.#recorder = new HistoryRecorder(() => ++this.#nowMs);
    this.#store = new SimulatedStore(random, options.sabotage);
  }

  run(): History {
    while (this.#begun < this.#options.operations || this.#travellers.length > 0) this.#step();
    return this.#recorder.history();
  }

  #step(): void {
    const kind = randomBelow(this.#random, 40);
    if (kind === 0) return this.#crash();
    if (kind < 5) return this.#store.sync();
    const client = randomBelow(this.#random, this.#options.clients);
    const own = this.#travellers.find((traveller) => traveller.client === client && !traveller.isAbandoned);
    if (kind === 5 && own !== undefined) own.isAbandoned = true;
    else if (own === undefined) this.#call(client);
    else if (own.answer === undefined) this.#execute(own);
    else if (this.#store.mayLeave(own.answer.visibleAt)) this.#return(own);
    // What a client left behind arrives at the store, or gets lost.
    const stray = this.#travellers.find(({ isAbandoned }) => isAbandoned);
    if (stray === undefined || kind < 30) return;
    if (stray.answer === undefined && randomBelow(this.#random, 2) === 0) this.#execute(stray);
    this.#travellers = this.#travellers.filter((traveller) => traveller !== stray);
  }

  #call(client: number): void {
    if (this.#begun === this.#options.operations) return;
    this.#begun++;
    const { keys } = this.#options;
    const wanted = keys.filter(() => randomBelow(this.#random, 2) === 0);
    const covered = wanted.length === 0 ? [keys[0]!] : wanted;
    const call = this.#randomCall(covered);
    const id = this.#recorder.begin(`client ${client}`, call);
    this.#travellers.push({ id, client, call, keys: covered, isAbandoned: false });
  }

  #randomCall(keys: readonly string[]): Call {
    const kind = randomBelow(this.#random, 10);
    const snapshot = this.#snapshots.at(-1);
    if (kind === 0) return { kind: "snapshot" };
    if (kind < 3 && snapshot?.life === this.#life) {
      return { kind: "read", what: `read ${keys.join()}`, snapshot: snapshot.id };
    }
    if (kind < 5) return { kind: "read", what: `read ${keys.join()}` };
    const operations = (kind < 8 ? keys.slice(0, 1) : keys).map((key) => this.#randomOperation(key));
    return { kind: "write", operations, isBatch: operations.length > 1 };
  }

  #randomOperation(key: string): Operation {
    const ifVersion = randomBelow(this.#random, 3) === 0 ? (this.#versions.get(key) ?? 0) : undefined;
    const isDelete = randomBelow(this.#random, 3) === 0;
    return { key, type: isDelete ? "delete" : "put", tag: isDelete ? 0 : ++this.#tag, ifVersion };
  }

  #execute(traveller: Traveller): void {
    const { call, keys, id } = traveller;
    if (call.kind === "write") {
      const answer = this.#store.write(call.operations);
      traveller.answer = { outcome: outcomeOf(answer), visibleAt: answer.visibleAt };
    } else if (call.kind === "snapshot") {
      const entries = new Map(this.#store.entries);
      const { currentSeq } = this.#store;
      traveller.answer = { outcome: { kind: "opened", seq: currentSeq }, visibleAt: currentSeq };
      this.#snapshots.push({ id, entries, life: -1 });
    } else if (call.snapshot === undefined) {
      const answer = this.#store.read(keys);
      traveller.answer = { outcome: outcomeOf(answer), visibleAt: answer.visibleAt };
    } else {
      const { entries } = this.#snapshots.find((snapshot) => snapshot.id === call.snapshot)!;
      const shown = new Map(keys.map((key) => [key, entries.get(key)]));
      traveller.answer = { outcome: { kind: "shown", entries: shown }, visibleAt: 0 };
    }
  }

  #return(traveller: Traveller): void {
    const { outcome } = traveller.answer!;
    this.#recorder.end(traveller.id, outcome);
    this.#travellers = this.#travellers.filter((other) => other !== traveller);
    if (outcome.kind === "shown")
      for (const [key, seen] of outcome.entries) this.#versions.set(key, seen?.version ?? 0);
    if (outcome.kind === "opened") {
      // Only whoever got the answer can read it.
      this.#snapshots.find(({ id }) => id === traveller.id)!.life = this.#life;
    }
    if (outcome.kind !== "conflict" || traveller.call.kind !== "write") return;
    this.#versions.set(traveller.call.operations[outcome.operationIndex]!.key, outcome.actualVersion);
  }

  #crash(): void {
    this.#store.crash();
    this.#travellers = [];
    this.#life++;
    this.#recorder.lifeEnds("crash");
  }
}

function outcomeOf(answer: Answer): Outcome {
  if (answer.kind === "page") return { kind: "shown", entries: answer.entries };
  if (answer.kind === "written") return { kind: "written", version: answer.version };
  return { kind: "conflict", operationIndex: answer.index, actualVersion: answer.actual };
}
