import { InvalidArgumentError, LimitError } from "../src/lib/errors.ts";
import { commitOverheadBytes, operationBytes } from "../src/protocol/batch-bytes.ts";
import { encodeBatch, type BatchOperation } from "../src/protocol/request-encoder.ts";
import { decodeWritten } from "../src/protocol/response-decoder.ts";
import type { Written } from "./answers.ts";
import { encoderOf, type Encoder, type Encoding } from "./encoder.ts";
import { showKey } from "./keys.ts";
import type { Operation } from "./operation.ts";
import type { CallOptions, Key, WriteCondition } from "./options.ts";
import { ifVersionOf } from "./settings.ts";
import type { Pipeline } from "./pipeline.ts";

/**
 * Puts and deletes that happen all, at the same version, or not at all. Values are encoded when they are added; what is
 * wrong with an operation throws where it is added. Nothing is sent before `commit`.
 *
 * @example await db.batch().put("a", 1, { ifAbsent: true }).delete("b").commit();
 */
export class Batch<V> {
  readonly #pipeline: Pipeline;
  readonly #encoder: Encoder<V>;
  readonly #operations: Operations;

  /** @internal */
  constructor(pipeline: Pipeline, encoder: Encoder<V>, operations: Operations = new Operations()) {
    this.#pipeline = pipeline;
    this.#encoder = encoder;
    this.#operations = operations;
  }

  /** How many operations were added. */
  get size(): number {
    return this.#operations.list.length;
  }

  /** Adds a put. With a condition that does not hold at commit, nothing of the batch happens. */
  put(key: Key, value: V, condition?: WriteCondition): this {
    const ifVersion = ifVersionOf(condition);
    const bytes = new Uint8Array(this.#encoder.encodeValue(key, value));
    this.#add({ type: "put", key: this.#ownKey(key), value: bytes, ifVersion });
    return this;
  }

  /** Adds a delete, of a key that need not exist. */
  delete(key: Key, condition?: Pick<WriteCondition, "ifVersion">): this {
    this.#add({ type: "delete", key: this.#ownKey(key), ifVersion: ifVersionOf(condition) });
    return this;
  }

  /**
   * The same batch, for entries of another keyspace: what is added to either is committed by either.
   *
   * @example await users.batch().put(id, user).within(emails).put(user.email, id).commit();
   */
  within<W>(keyspace: Encoding<W>): Batch<W> {
    return new Batch(this.#pipeline, keyspace[encoderOf], this.#operations);
  }

  /**
   * Sends the batch, once. Resolves when all of it is durable, under the version that all its entries have now.
   *
   * Rejects with a ConflictError whose `operationIndex` says which condition did not hold (nothing was applied), and
   * with an UnknownOutcomeError when it was sent and no answer came: then all of it happened, or nothing.
   */
  commit(options?: CallOptions): Promise<Written> {
    const operations = this.#operations;
    if (operations.isCommitted)
      return Promise.reject(
        new InvalidArgumentError("Cannot commit the batch: it was committed before; build another"),
      );
    if (operations.list.length === 0)
      return Promise.reject(
        new InvalidArgumentError("Cannot commit the batch: it is empty; add a put or a delete"),
      );
    operations.isCommitted = true;
    return this.#pipeline.call(batchOperation, operations.list, options);
  }

  #ownKey(key: Key): Uint8Array {
    return new Uint8Array(this.#encoder.encodeKey(key));
  }

  #add(operation: BatchOperation): void {
    const { batchOperationsMax, batchBytesMax } = this.#pipeline.limits!;
    const operations = this.#operations;
    if (operations.isCommitted)
      throw new InvalidArgumentError("Cannot add to the batch: it was committed before; build another");
    const count = operations.list.length + 1;
    if (count > batchOperationsMax)
      throw new LimitError("Cannot add to the batch: its operations", count, batchOperationsMax);
    const valueBytes = operation.type === "put" ? operation.value.length : 0;
    const bytes = operations.bytes + operationBytes(operation.key.length, valueBytes);
    if (bytes > batchBytesMax)
      throw new LimitError("Cannot add to the batch: its bytes", bytes, batchBytesMax);
    operations.bytes = bytes;
    operations.list.push(operation);
  }
}

/** What the builders of one batch share. */
class Operations {
  readonly list: BatchOperation[] = [];
  /** As `batchBytesMax` counts them. */
  bytes = commitOverheadBytes;
  isCommitted = false;
}

const batchOperation: Operation<readonly BatchOperation[], Written> = {
  isWrite: true,
  encode: (writer, id, operations) => encodeBatch(writer, id, operations),
  decode: (bytes, head) => ({ version: decodeWritten(bytes, head) }),
  describe(operations, operationIndex) {
    const culprit = operationIndex === undefined ? undefined : operations[operationIndex];
    const batch = `commit the batch of ${operations.length}`;
    if (culprit === undefined) return batch;
    return `${batch} because of operation ${operationIndex}, ${culprit.type} ${showKey(culprit.key)}`;
  },
};
