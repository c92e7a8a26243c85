import type { ByteWriter } from "../../../src/lib/byte-writer.ts";
import * as encode from "../../../src/protocol/request-encoder.ts";
import { expectDone, seqOf, versionOf, type TestResponse } from "../../server/harness.ts";
import type { Dice } from "./dice.ts";
import { HeldSnapshots } from "./held-snapshots.ts";
import { Reads } from "./reads.ts";
import { latin1, type Sent, type WorkloadWorld } from "./sent.ts";

/** Draws requests of all kinds, encodes them, and knows what may be answered. */
export class Workload {
  readonly #world: WorkloadWorld;
  readonly #reads: Reads;
  readonly #snapshots: HeldSnapshots;

  constructor(world: WorkloadWorld) {
    this.#world = world;
    this.#snapshots = new HeldSnapshots(world);
    this.#reads = new Reads(world, this.#snapshots);
  }

  /** Encodes a request. */
  draw(writer: ByteWriter, id: number, dice: Dice): Sent {
    const { has } = this.#world;
    const roll = dice.below(100);
    if (roll < 40) return this.#put(writer, id, dice);
    if (roll < 50) return has("deletes") ? this.#delete(writer, id, dice) : this.#reads.get(writer, id, dice);
    if (roll < 60) return has("batches") ? this.#batch(writer, id, dice) : this.#put(writer, id, dice);
    if (roll < 76) return this.#reads.get(writer, id, dice);
    if (roll < 80) return this.#reads.getMany(writer, id, dice);
    if (roll < 88)
      return has("scans") ? this.#reads.scan(writer, id, dice) : this.#reads.get(writer, id, dice);
    if (roll < 95)
      return has("snapshots") ? this.#snapshots.draw(writer, id, dice) : this.#put(writer, id, dice);
    if (roll < 98 && has("checkpoints")) return this.#checkpoint(writer, id);
    if (roll >= 98 && has("compactions")) return this.#compact(writer, id);
    return this.#put(writer, id, dice);
  }

  // --- Writes ----------------------------------------------------------------------------------------------

  #put(writer: ByteWriter, id: number, dice: Dice): Sent {
    const key = dice.pick(this.#world.keys);
    const ifVersion = this.#condition(key, dice);
    encode.encodePut(writer, id, latin1(key), latin1(this.#value(id, dice)), { ifVersion });
    return this.#write(id, `put ${key}`, [{ key, ifVersion }]);
  }

  #delete(writer: ByteWriter, id: number, dice: Dice): Sent {
    const key = dice.pick(this.#world.keys);
    const ifVersion = this.#condition(key, dice);
    encode.encodeDelete(writer, id, latin1(key), { ifVersion });
    return this.#write(id, `delete ${key}`, [{ key, ifVersion }]);
  }

  #batch(writer: ByteWriter, id: number, dice: Dice): Sent {
    const drawn = Array.from({ length: dice.between(1, 6) }, (_, index) => {
      const key = dice.pick(this.#world.keys);
      const value = dice.oneIn(4) ? undefined : this.#value(id, dice, index);
      return { key, value, ifVersion: this.#condition(key, dice) };
    });
    const operations = drawn.map(({ key, value, ifVersion }): encode.BatchOperation => {
      return value === undefined
        ? { type: "delete", key: latin1(key), ifVersion }
        : { type: "put", key: latin1(key), value: latin1(value), ifVersion };
    });
    encode.encodeBatch(writer, id, operations);
    return this.#write(id, `batch ${drawn.map(({ key }) => key).join(" ")}`, drawn);
  }

  #write(
    id: number,
    what: string,
    operations: readonly { key: string; ifVersion: number | undefined }[],
  ): Sent {
    const { ledger } = this.#world;
    const sinceSeq = ledger.knownSeq;
    const { life } = ledger;
    return {
      what,
      life,
      answered: (response) => ledger.acknowledged(id, versionOf(response), life),
      refused: ({ code, details }) => {
        if (code !== "CONFLICT") return false;
        const [actual = -1, index = -1] = details;
        const { key, ifVersion } = operations[index] ?? {};
        if (key === undefined || ifVersion === undefined || ifVersion === actual) return false;
        // It tells more than one version: that no write came between the one that is named and the moment of the look.
        const held = (seq: number) => (ledger.model.get(key, seq)?.version ?? 0) === actual;
        ledger.explain(id, `a refusal by version ${actual} of ${key}`, sinceSeq, life, held);
        return true;
      },
    };
  }

  #condition(key: string, dice: Dice): number | undefined {
    if (!this.#world.has("conditions") || !dice.oneIn(4)) return undefined;
    const held = this.#world.ledger.heldVersion(key);
    return dice.pick([held, held, held + 1, 0]);
  }

  /** No other request has one like it. */
  #value(id: number, dice: Dice, index = 0): string {
    return `${id}.${index} `.padEnd(dice.skewed(1, this.#world.valueBytesMax), "x");
  }

  // --- Upkeep ----------------------------------------------------------------------------------------------

  #checkpoint(writer: ByteWriter, id: number): Sent {
    const { ledger } = this.#world;
    const { life } = ledger;
    // What is known may end with a record of the store's own, which no table needs.
    const writtenBefore = ledger.versionUpTo(ledger.knownSeq);
    encode.encodeCheckpoint(writer, id);
    const answered = (response: TestResponse) => {
      const seq = seqOf(response);
      if (seq < writtenBefore)
        ledger.violate(`checkpoint ${id} reached ${seq}, and ${writtenBefore} was written`);
      ledger.know(seq, life, id);
    };
    return { what: "checkpoint", life, answered };
  }

  #compact(writer: ByteWriter, id: number): Sent {
    encode.encodeCompact(writer, id);
    return { what: "compact", life: this.#world.ledger.life, answered: (response) => expectDone(response) };
  }
}
