import { ConflictError } from "../../../src/engine/errors.ts";
import { unconditional } from "../../../src/engine/store.ts";
import { assert } from "../../../src/lib/assert.ts";
import { randomBelow, type Random } from "../../../src/lib/random.ts";
import type { Answer, EngineDriver } from "../../engine/engine-driver.ts";
import type { Operation, Seen } from "../../support/oracle-types.ts";
import type { Call, HistoryRecorder, Outcome } from "./history.ts";

export interface EngineClientsOptions {
  readonly clients: number;
  /** Whether checkpoints and compactions are asked for, now and then. */
  readonly checkpoints: boolean;
  /** Faults: answers do not wait for what they depend on. */
  readonly writesLeaveEarly: boolean;
  readonly readsLeaveEarly: boolean;
}

/** Clients of an engine without a server: answers leave when they may, in whatever order the dice say. */
export class EngineClients {
  readonly #db: EngineDriver;
  readonly #recorder: HistoryRecorder;
  readonly #random: Random;
  readonly #tags: { next: number };
  readonly #options: EngineClientsOptions;
  readonly #versions = new Map<string, number>();
  readonly #snapshots: { operation: number; snapshotId: number }[] = [];
  readonly #travellers = new Map<number, Traveller>();

  constructor(
    db: EngineDriver,
    recorder: HistoryRecorder,
    random: Random,
    tags: { next: number },
    options: EngineClientsOptions,
  ) {
    this.#db = db;
    this.#recorder = recorder;
    this.#random = random;
    this.#tags = tags;
    this.#options = options;
  }

  /** Right behind a start, when everything that is there is durable. */
  readAll(): void {
    const traveller = this.#ask("auditor", { kind: "read", what: "scan" }, () =>
      shownBy(this.#db.scan(), keys),
    );
    assert(traveller.visibleAt <= this.#db.engine.ackableSeq, "what a start serves is durable");
    this.#recorder.end(traveller.id, traveller.outcome);
  }

  /** One client calls, or gets its answer, if that may leave. */
  step(): void {
    const client = randomBelow(this.#random, this.#options.clients);
    const traveller = this.#travellers.get(client);
    if (this.#options.checkpoints && randomBelow(this.#random, 60) === 0) this.#housekeep();
    else if (traveller === undefined) this.#travellers.set(client, this.#call(`client ${client}`));
    else if (this.#mayLeave(traveller)) this.#arrive(client, traveller);
  }

  #mayLeave({ visibleAt, isWrite }: Traveller): boolean {
    const { writesLeaveEarly, readsLeaveEarly } = this.#options;
    if (isWrite ? writesLeaveEarly : readsLeaveEarly) return true;
    return visibleAt <= this.#db.engine.ackableSeq;
  }

  #arrive(client: number, { id, outcome, snapshotId }: Traveller): void {
    this.#travellers.delete(client);
    this.#recorder.end(id, outcome);
    if (snapshotId !== undefined) this.#snapshots.push({ operation: id, snapshotId });
    if (outcome.kind === "shown")
      for (const [key, seen] of outcome.entries) this.#versions.set(key, seen?.version ?? 0);
  }

  #call(client: string): Traveller {
    const kind = randomBelow(this.#random, 20);
    const wanted = keys.filter(() => randomBelow(this.#random, 2) === 0);
    const some = wanted.length === 0 ? [keys[0]!] : wanted;
    const snapshot = this.#snapshots[randomBelow(this.#random, this.#snapshots.length)];
    if (kind < 11) return this.#write(client, kind < 4 ? some : [some[0]!], kind < 4);
    if (kind === 11) {
      return this.#ask(
        client,
        { kind: "snapshot" },
        ({ seq, snapshotId, visibleAt } = this.#db.openSnapshot()) => {
          return { outcome: { kind: "opened", seq: seq! }, visibleAt, snapshotId };
        },
      );
    }
    if (kind < 14 && snapshot !== undefined) {
      const call: Call = { kind: "read", what: "scan", snapshot: snapshot.operation };
      return this.#ask(client, call, () => shownBy(this.#db.scan({}, snapshot.snapshotId), keys));
    }
    if (kind < 16)
      return this.#ask(client, { kind: "read", what: "scan" }, () => shownBy(this.#db.scan(), keys));
    if (kind < 18) {
      const call: Call = { kind: "read", what: `getMany ${some.join()}` };
      return this.#ask(client, call, () => {
        const answer = this.#db.getMany(some);
        // Its entries come without keys, in the order of the call.
        const entries = answer.entries!.map(([, ...entry], index): Entry => [some[index]!, ...entry]);
        return shownBy({ ...answer, entries }, some);
      });
    }
    const key = some[0]!;
    return this.#ask(client, { kind: "read", what: `get ${key}` }, () => {
      const { value, version, visibleAt } = this.#db.get(key);
      return shownBy({ visibleAt, entries: [[key, value, version!]] }, [key]);
    });
  }

  #write(client: string, written: readonly string[], isBatch: boolean): Traveller {
    const operations = written.map((key): Operation => {
      const ifVersion = randomBelow(this.#random, 4) === 0 ? (this.#versions.get(key) ?? 0) : undefined;
      if (randomBelow(this.#random, 3) === 0) return { key, type: "delete", tag: 0, ifVersion };
      return { key, type: "put", tag: this.#tags.next++, ifVersion };
    });
    return this.#ask(client, { kind: "write", operations, isBatch }, () => {
      const answer = this.#submit(operations, isBatch);
      const { version, refusal, visibleAt } = answer;
      if (refusal === undefined) return { outcome: { kind: "written", version: version! }, visibleAt };
      if (!(refusal instanceof ConflictError)) return { outcome: { kind: "refused" }, visibleAt };
      const { operationIndex, actualVersion } = refusal;
      return { outcome: { kind: "conflict", operationIndex, actualVersion }, visibleAt };
    });
  }

  #submit(operations: readonly Operation[], isBatch: boolean): Answer {
    const [only] = operations;
    if (isBatch) {
      return this.#db.batch(
        operations.map(({ key, type, tag, ifVersion = unconditional }) => {
          return type === "put" ? { key, value: valueOf(tag), ifVersion } : { key, ifVersion };
        }),
      );
    }
    const { key, type, tag, ifVersion } = only!;
    return type === "put" ? this.#db.put(key, valueOf(tag), ifVersion) : this.#db.delete(key, ifVersion);
  }

  #ask(client: string, call: Call, ask: () => AnswerOnItsWay): Traveller {
    const id = this.#recorder.begin(client, call);
    const { outcome, visibleAt, snapshotId } = ask();
    return { id, outcome, visibleAt, snapshotId, isWrite: call.kind === "write" };
  }

  /** What it comes to is seen by whoever reads; here nobody waits for it, and a crash may come first. */
  #housekeep(): void {
    const done = randomBelow(this.#random, 2) === 0 ? this.#db.checkpoint() : this.#db.compact();
    done.catch(() => undefined);
  }
}

/** An answer of the engine on its way to a client. */
interface Traveller {
  readonly id: number;
  readonly isWrite: boolean;
  readonly outcome: Outcome;
  readonly visibleAt: number;
  readonly snapshotId: number | undefined;
}

interface AnswerOnItsWay {
  readonly outcome: Outcome;
  readonly visibleAt: number;
  readonly snapshotId?: number | undefined;
}

type Entry = [key: string, value: string | undefined, version: number];

function shownBy(answer: Pick<Answer, "entries" | "visibleAt">, covered: readonly string[]): AnswerOnItsWay {
  const entries = new Map<string, Seen | undefined>(covered.map((key) => [key, undefined]));
  for (const [key, value, version] of answer.entries!) {
    if (version > 0) entries.set(key, { version, tag: tagOf(value!) });
  }
  return { outcome: { kind: "shown", entries }, visibleAt: answer.visibleAt };
}

/** Long enough to fill the tiny segments, and to be checked to its end. */
const valueOf = (tag: number) => `${tag} `.repeat(8);
const tagOf = (value: string) => (value === valueOf(Number.parseInt(value)) ? Number.parseInt(value) : 0);

const keys = ["a", "b", "c", "d"];
