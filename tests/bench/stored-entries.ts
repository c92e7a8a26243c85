import { AnswerStream } from "./answer-stream.ts";
import { failed, missing, stampOffset, valueBytesMin, type Dialect } from "./dialect.ts";

import { RefusedError } from "./load.ts";
import { keyBytes, writeKey } from "./numbered-entries.ts";
import { RequestBatch } from "./request-batch.ts";
import type { Subject } from "./subjects.ts";

type Target = Pick<Subject, "port" | "dialect">;

/** Sets the entries 0 .. entryCount - 1, each once, so that gets find what they ask for. */
export async function fillStore(
  target: Target,
  entryCount: number,
  value: { valueBytes: number; stamp: number },
): Promise<void> {
  let next = 0;
  const template = target.dialect.template("set", value);
  const connect = async () => {
    await using exchange = await BatchExchange.open(target);
    while (next < entryCount) {
      const batch = new RequestBatch(Array(Math.min(batchRequests, entryCount - next)).fill(template));
      batch.fill({ next: () => next++ });
      await exchange.send(batch, () => {});
    }
  };
  await Promise.all(Array.from({ length: fillConnections }, connect));
}

/**
 * Asks for entries and looks at their values: every single one must be there, begin with its key, and, if `stamp` is
 * given, be of that run. The first that is wrong ends the bench.
 */
export async function checkStored(
  target: Target & Pick<Subject, "name">,
  entryNumbers: readonly number[],
  value: { valueBytes: number; stamp: number | undefined },
): Promise<void> {
  const template = target.dialect.template("get", { valueBytes: valueBytesMin, stamp: 0 });
  const key = new DataView(new ArrayBuffer(keyBytes));
  const keyOf = Buffer.from(key.buffer);
  await using exchange = await BatchExchange.open(target);
  for (let from = 0; from < entryNumbers.length; from += batchRequests) {
    const asked = entryNumbers.slice(from, from + batchRequests);
    const numbers = asked.values();
    const batch = new RequestBatch(Array(asked.length).fill(template));
    batch.fill({ next: () => numbers.next().value! });
    await exchange.send(batch, (index, stored) => {
      writeKey(key, 0, asked[index]!);
      const isRight =
        stored?.length === value.valueBytes &&
        stored.subarray(0, keyBytes).equals(keyOf) &&
        (value.stamp === undefined || stored.readUInt32BE(stampOffset) === value.stamp);
      if (isRight) return;
      const what = stored === undefined ? "is not there" : `has the value ${stored.toString("hex")}`;
      throw new Error(`${target.name} lost a write: entry ${asked[index]} ${what}`);
    });
  }
}

/** One connection on which whole batches are sent, one after the other, and all answers looked at. */
class BatchExchange implements AsyncDisposable {
  readonly #dialect: Dialect;
  readonly #answers: AnswerStream;
  readonly #ended = Promise.withResolvers<never>();
  #socket!: Bun.Socket;
  #unsent: Buffer = Buffer.alloc(0);
  #expected = 0;
  #onAnswer: (index: number, value: Buffer | undefined) => void = () => {};
  #answered = Promise.withResolvers<void>();
  #index = 0;

  private constructor(dialect: Dialect) {
    this.#dialect = dialect;
    this.#answers = new AnswerStream(dialect.answers());
    // An exchange that is closed has nobody who waits for it.
    this.#ended.promise.catch(() => {});
  }

  static async open({ port, dialect }: Target): Promise<BatchExchange> {
    const exchange = new BatchExchange(dialect);
    exchange.#socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, chunk) => {
          try {
            exchange.#receive(chunk as Buffer);
          } catch (error) {
            exchange.#ended.reject(error);
          }
        },
        drain: () => exchange.#push(),
        close: () => exchange.#ended.reject(new Error(`${dialect.name} closed a connection`)),
        error: (_, error) => exchange.#ended.reject(error),
      },
    });
    if (dialect.greeting.length > 0) await exchange.#exchange(dialect.greeting, 1);
    return exchange;
  }

  /** Hears of each request's place in the batch, and of its value if there is one. */
  async send(
    batch: RequestBatch,
    onAnswer: (index: number, value: Buffer | undefined) => void,
  ): Promise<void> {
    this.#onAnswer = onAnswer;
    await this.#exchange(batch.bytes, batch.count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.end();
  }

  async #exchange(bytes: Buffer, answers: number): Promise<void> {
    this.#answered = Promise.withResolvers();
    this.#expected = answers;
    this.#index = 0;
    this.#unsent = bytes;
    this.#push();
    await Promise.race([this.#answered.promise, this.#ended.promise]);
  }

  #push(): void {
    while (this.#unsent.length > 0) {
      const taken = this.#socket.write(this.#unsent);
      if (taken <= 0) return;
      this.#unsent = this.#unsent.subarray(taken);
    }
  }

  #receive(chunk: Buffer): void {
    const { reader } = this.#answers;
    this.#answers.push(chunk);
    while (this.#answers.next()) {
      if (reader.outcome === failed) throw new RefusedError(this.#dialect, reader.message());
      const { bytes } = this.#answers;
      const value =
        reader.outcome === missing ? undefined : bytes.subarray(reader.valueStart, reader.valueEnd);
      this.#onAnswer(reader.slot >= 0 ? reader.slot : this.#index++, value);
      if (--this.#expected === 0) this.#answered.resolve();
    }
  }
}

const fillConnections = 8;
const batchRequests = 128;
