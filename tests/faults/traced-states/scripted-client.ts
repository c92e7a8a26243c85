import { randomBelow, type Random } from "../../../src/lib/random.ts";
import { RawStoreClient } from "../../support/raw-store-client.ts";
import type { SizedOperation } from "../../support/store-client.ts";
import { taggedValue } from "../../support/tagged-value.ts";
import type { LoggedOperation } from "./traced-log.ts";

/** What a client asked for, and the version that it was told, if it was told one. */
export interface ClientWrite {
  readonly operations: readonly LoggedOperation[];
  version: number | undefined;
}

/** Two connections to a server that a script speaks through. No two values are alike. */
export class ScriptedClient {
  readonly writes: ClientWrite[] = [];
  readonly random: Random;
  readonly #connections: readonly RawStoreClient[];
  #nextTag: number;

  private constructor(connections: readonly RawStoreClient[], random: Random, firstTag: number) {
    this.#connections = connections;
    this.random = random;
    this.#nextTag = firstTag;
  }

  static async open(port: number, random: Random, firstTag: number): Promise<ScriptedClient> {
    const connections = [await RawStoreClient.open(port), await RawStoreClient.open(port)];
    return new ScriptedClient(connections, random, firstTag);
  }

  /** Resolves when it is acknowledged, or the server is gone. */
  put(key: string, valueBytesMax = 60, connection = 0): Promise<void> {
    return this.#write([this.#operation(key, valueBytesMax)], false, connection);
  }

  /** Keys with a minus before them are deleted. */
  batch(...keys: string[]): Promise<void> {
    const operations = keys.map((key): SizedOperation => {
      if (!key.startsWith("-")) return this.#operation(key, 60);
      return { key: key.slice(1), type: "delete", tag: 0, valueBytes: 0 };
    });
    return this.#write(operations, true, 0);
  }

  /** What it shows must never be lost. */
  async read(key: string): Promise<void> {
    const reader = this.#connections[1]!;
    await Promise.all([reader.get(key), reader.scanAll({})]);
  }

  async checkpoint(): Promise<void> {
    await this.#connections[0]!.checkpoint();
  }

  async compact(): Promise<void> {
    await this.#connections[0]!.compact();
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) await connection.close();
  }

  #operation(key: string, valueBytesMax: number): SizedOperation {
    return {
      key,
      type: "put",
      tag: this.#nextTag++,
      valueBytes: 10 + randomBelow(this.random, valueBytesMax),
    };
  }

  async #write(sized: readonly SizedOperation[], isBatch: boolean, connection: number): Promise<void> {
    const operations = sized.map(({ key, type, tag, valueBytes }) =>
      type === "put" ? { key, value: Buffer.from(taggedValue(tag, valueBytes)).toString("latin1") } : { key },
    );
    const write: ClientWrite = { operations, version: undefined };
    this.writes.push(write);
    const answer = await this.#connections[connection]!.write(sized, isBatch);
    if (answer.kind === "written") write.version = answer.version;
    else if (answer.kind !== "unknown") throw new Error(`A write got: ${JSON.stringify(answer)}`);
  }
}
