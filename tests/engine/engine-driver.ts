import { openEngine, type EngineOptions } from "../../src/engine/open.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { unconditional, type Replies, type ScanRange, type Write } from "../../src/engine/store.ts";
import type { HoldfastError } from "../../src/lib/errors.ts";
import type { FileSystem } from "../../src/vfs/file-system.ts";

/** An answer as the engine gave it, with the seq that it has to wait for. */
export interface Answer {
  visibleAt: number;
  version?: number;
  value?: string | undefined;
  entries?: [key: string, value: string | undefined, version: number][];
  more?: boolean;
  snapshotId?: number;
  seq?: number;
  leaseMs?: number;
  refusal?: HoldfastError;
}

export interface WriteWords {
  key: string;
  value?: string;
  ifVersion?: number;
}

const text = (bytes: Buffer, start: number, end: number) => bytes.toString("latin1", start, end);

/** Talks to an engine in strings, so that a test reads like a conversation. */
export class EngineDriver {
  readonly engine: Engine;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  static async open(fileSystem: FileSystem, options: Partial<EngineOptions> = {}): Promise<EngineDriver> {
    return new EngineDriver(
      await openEngine({
        directory: "/data",
        syncMode: "always",
        segmentBytesMax: 2048,
        fileSystem,
        ...options,
      }),
    );
  }

  get(key: string, snapshotId = 0): Answer {
    const bytes = Buffer.from(key, "latin1");
    return this.#ask((replies) => this.engine.get(1, bytes, 0, bytes.length, snapshotId, replies));
  }

  put(key: string, value: string, ifVersion = unconditional): Answer {
    return this.#ask((replies) => this.engine.put(1, toWrite({ key, value, ifVersion }), replies));
  }

  delete(key: string, ifVersion = unconditional): Answer {
    return this.#ask((replies) => this.engine.delete(1, toWrite({ key, ifVersion }), replies));
  }

  batch(operations: readonly WriteWords[]): Answer {
    const cursor = {
      ...toWrite({ key: "-" }),
      operationCount: operations.length,
      isDelete: false,
      index: 0,
      rewind() {
        this.index = 0;
      },
      next() {
        const operation = operations[this.index++];
        if (operation === undefined) return false;
        Object.assign(this, toWrite(operation), { isDelete: operation.value === undefined });
        return true;
      },
    };
    return this.#ask((replies) => this.engine.batch(1, cursor, replies));
  }

  getMany(keys: readonly string[], snapshotId = 0): Answer {
    const cursor = {
      bytes: Buffer.from(keys.join(""), "latin1"),
      keyStart: 0,
      keyEnd: 0,
      index: 0,
      rewind() {
        this.index = this.keyStart = this.keyEnd = 0;
      },
      next() {
        const key = keys[this.index++];
        if (key === undefined) return false;
        this.keyStart = this.keyEnd;
        this.keyEnd += key.length;
        return true;
      },
    };
    return this.#ask((replies) => this.engine.getMany(1, cursor, snapshotId, replies));
  }

  scan(
    words: Partial<Record<"start" | "end" | "prefix" | "after", string>> & {
      reverse?: boolean;
      limit?: number;
    } = {},
    snapshotId = 0,
  ): Answer {
    const bytes = (word: string | undefined) =>
      word === undefined ? undefined : Buffer.from(word, "latin1");
    const range: ScanRange = {
      start: bytes(words.start),
      end: bytes(words.end),
      prefix: bytes(words.prefix),
      after: bytes(words.after),
      reverse: words.reverse ?? false,
      limit: words.limit ?? 0,
      keysOnly: false,
    };
    return this.#ask((replies) => this.engine.scan(1, range, snapshotId, replies));
  }

  /** Every key and value, in order, over as many pages as it takes; without a snapshot each page by itself. */
  all(
    words: Parameters<EngineDriver["scan"]>[0] = {},
    snapshotId = 0,
  ): [key: string, value: string | undefined][] {
    const all: [string, string | undefined][] = [];
    let after: string | undefined;
    for (;;) {
      const page = this.scan({ ...words, ...(after === undefined ? {} : { after }) }, snapshotId);
      for (const [key, value, version] of page.entries!) if (version > 0) all.push([key, value]);
      if (!page.more) return all;
      after = page.entries!.at(-1)![0];
    }
  }

  openSnapshot(leaseMs = 0): Answer {
    return this.#ask((replies) => this.engine.openSnapshot(1, leaseMs, replies));
  }

  renewSnapshot(snapshotId: number, leaseMs = 0): Answer {
    return this.#ask((replies) => this.engine.renewSnapshot(1, snapshotId, leaseMs, replies));
  }

  closeSnapshot(snapshotId: number): Answer {
    return this.#ask((replies) => this.engine.closeSnapshot(1, snapshotId, replies));
  }

  /** Resolves with the seq up to which everything is in tables. */
  async checkpoint(): Promise<number> {
    const { seq } = await this.#askAndWait((replies) => this.engine.checkpoint(1, replies));
    return seq!;
  }

  async compact(): Promise<void> {
    await this.#askAndWait((replies) => this.engine.compact(1, replies));
  }

  /** Resolves once the seq may be acknowledged. */
  async acknowledged(seq: number): Promise<void> {
    while (this.engine.ackableSeq < seq) {
      await new Promise<void>((resolve) => this.engine.awaitAdvance({ advanced: resolve }));
    }
  }

  async putDurably(key: string, value: string): Promise<number> {
    const { version } = this.put(key, value);
    await this.acknowledged(version!);
    return version!;
  }

  #ask(request: (replies: Replies) => void): Answer {
    const answers: Answer[] = [];
    request(collect((answer) => answers.push(answer)));
    if (answers.length !== 1) throw new Error(`one request got ${answers.length} answers`);
    return answers[0]!;
  }

  /** For what is answered later. Rejects with the refusal. */
  #askAndWait(request: (replies: Replies) => void): Promise<Answer> {
    return new Promise((resolve, reject) => {
      request(collect((answer) => (answer.refusal === undefined ? resolve(answer) : reject(answer.refusal))));
    });
  }
}

function collect(answered: (answer: Answer) => void): Replies {
  const entries: NonNullable<Answer["entries"]> = [];
  return {
    entry(_id, version, bytes, valueStart, valueEnd, visibleAt) {
      const value = version === 0 ? undefined : text(bytes, valueStart, valueEnd);
      answered({ version, visibleAt, value });
    },
    written: (_id, version, visibleAt) => answered({ version, visibleAt }),
    pageEntry(keyBytes, keyStart, keyEnd, version, valueBytes, valueStart, valueEnd) {
      const value = version === 0 ? undefined : text(valueBytes, valueStart, valueEnd);
      entries.push([text(keyBytes, keyStart, keyEnd), value, version]);
    },
    page: (_id, more, snapshotId, visibleAt) => answered({ entries, more, snapshotId, visibleAt }),
    snapshot: (_id, snapshotId, seq, leaseMs, visibleAt) => answered({ snapshotId, seq, leaseMs, visibleAt }),
    done: (_id, seq, visibleAt) => answered({ seq, visibleAt }),
    refused: (_id, refusal, visibleAt) => answered({ refusal, visibleAt }),
  };
}

function toWrite({ key, value = "", ifVersion = unconditional }: WriteWords): Write {
  const bytes = Buffer.from(key + value, "latin1");
  return {
    bytes,
    keyStart: 0,
    keyEnd: key.length,
    valueStart: key.length,
    valueEnd: bytes.length,
    ifVersion,
  };
}
