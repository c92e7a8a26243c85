import { join } from "node:path";
import type { Engine } from "../../src/engine/engine.ts";
import {
  unconditional,
  type AdvanceWaiter,
  type Replies,
  type Store,
  type Write,
} from "../../src/engine/store.ts";
import { EntryBuffers, type Acknowledged, type EmbeddedKind } from "./embedded-store.ts";
import { entryOf, viewOf } from "./entry-of.ts";
import { keyBytes, valueBytes, writeKey, writeValue } from "./numbered-entries.ts";

/** The whole database without a server: what a request costs behind the protocol. */
export const embeddedEngine: EmbeddedKind = {
  async open(directory, root) {
    const engine = await openEngine(directory, root);
    return {
      run: (inFlight, next, acknowledged) => new EngineCallers(engine, next, acknowledged).run(inFlight),
      close: () => engine.close(),
    };
  },

  async find(directory, root, wanted) {
    const engine = await openEngine(directory, root);
    const found = new Set<number>();
    const entry = new EntryBuffers();
    const replies: Replies = {
      ...noReplies,
      entry(number, version, bytes, valueStart, valueEnd) {
        if (version > 0 && entryOf(entry.key, bytes.subarray(valueStart, valueEnd)) === number)
          found.add(number);
      },
    };
    for (const number of wanted) {
      entry.fill(number);
      engine.get(number, entry.key, 0, keyBytes, 0, replies);
    }
    await engine.close();
    return found;
  },
};

async function openEngine(directory: string, root: string): Promise<Engine> {
  const engine: typeof import("../../src/engine/open.ts") = await import(join(root, "src/engine/open.ts"));
  return await engine.openEngine({ directory, syncMode: "always" });
}

/** Callers as the server has them: without a promise each, they hear of the version up to which all is synced. */
export class EngineCallers implements AdvanceWaiter {
  readonly #engine: CalledEngine;
  readonly #next: () => number;
  readonly #acknowledged: Acknowledged;
  readonly #write: Write & { bytes: Buffer };
  readonly #view: DataView;
  readonly #replies: Replies;
  readonly #done = Promise.withResolvers<void>();
  /** In the order of their versions. */
  #waiting: Waiting[] = [];
  #called: Waiting[] = [];

  constructor(engine: CalledEngine, next: () => number, acknowledged: Acknowledged) {
    this.#engine = engine;
    this.#next = next;
    this.#acknowledged = acknowledged;
    const bytes = Buffer.alloc(keyBytes + valueBytes);
    this.#view = viewOf(bytes);
    this.#write = {
      bytes,
      keyStart: 0,
      keyEnd: keyBytes,
      valueStart: keyBytes,
      valueEnd: keyBytes + valueBytes,
      ifVersion: unconditional,
    };
    this.#replies = {
      ...noReplies,
      written: (entryNumber, _, visibleAt) =>
        this.#waiting.push({ entryNumber, visibleAt, sinceMs: performance.now() }),
      refused: (_, refusal) => this.#done.reject(refusal),
    };
    engine.onFault((fault) => this.#done.reject(fault));
  }

  run(inFlight: number): Promise<void> {
    for (let caller = 0; caller < inFlight; caller++) this.#put();
    this.#await();
    return this.#done.promise;
  }

  advanced(): void {
    const { ackableSeq } = this.#engine;
    const waiting = this.#waiting;
    this.#waiting = this.#called;
    this.#called = waiting;
    for (const one of waiting) {
      if (one.visibleAt > ackableSeq) {
        this.#waiting.push(one);
        continue;
      }
      this.#acknowledged(one.entryNumber, one.sinceMs);
    }
    const acknowledged = waiting.length - this.#waiting.length;
    waiting.length = 0;
    for (let caller = 0; caller < acknowledged; caller++) this.#put();
    this.#await();
  }

  #put(): void {
    const entryNumber = this.#next();
    if (entryNumber < 0) return;
    writeKey(this.#view, 0, entryNumber);
    writeValue(this.#view, keyBytes, entryNumber);
    this.#engine.put(entryNumber, this.#write, this.#replies);
  }

  #await(): void {
    if (this.#waiting.length > 0) this.#engine.awaitAdvance(this);
    else this.#done.resolve();
  }
}

type CalledEngine = Pick<Store, "ackableSeq" | "put" | "awaitAdvance" | "onFault">;

interface Waiting {
  entryNumber: number;
  visibleAt: number;
  sinceMs: number;
}

const noReplies: Replies = {
  entry: unexpected,
  written: unexpected,
  pageEntry: unexpected,
  page: unexpected,
  snapshot: unexpected,
  done: unexpected,
  refused: (_, refusal) => {
    throw refusal;
  },
};

function unexpected(): never {
  throw new Error("The engine answered what nobody asked");
}
