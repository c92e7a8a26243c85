import type { ByteWriter } from "../../../src/lib/byte-writer.ts";
import { snapshotWanted } from "../../../src/engine/store.ts";
import * as encode from "../../../src/protocol/request-encoder.ts";
import { entryOf, pageOf, type TestResponse } from "../../server/harness.ts";
import type { Dice } from "./dice.ts";
import type { HeldSnapshots, OpenSnapshot } from "./held-snapshots.ts";
import { checkPage, type PageWords } from "./page-check.ts";
import { latin1, type Sent, type WorkloadWorld } from "./sent.ts";

/** Draws reads, of the newest state or of a snapshot, and knows what may be answered. */
export class Reads {
  readonly #world: WorkloadWorld;
  readonly #snapshots: HeldSnapshots;

  constructor(world: WorkloadWorld, snapshots: HeldSnapshots) {
    this.#world = world;
    this.#snapshots = snapshots;
  }

  get(writer: ByteWriter, id: number, dice: Dice): Sent {
    const key = dice.pick(this.#world.keys);
    const snapshot = this.#snapshots.maybe(dice);
    encode.encodeGet(writer, id, latin1(key), snapshot?.id ?? 0);
    return this.#read(id, `get ${key}`, snapshot, (response) => {
      const { version, value } = entryOf(response);
      const { model } = this.#world.ledger;
      return {
        words: `${key} = ${value} (${version})`,
        isTrueAt: (seq) => {
          const entry = model.get(key, seq);
          return version === (entry?.version ?? 0) && value === entry?.value;
        },
      };
    });
  }

  getMany(writer: ByteWriter, id: number, dice: Dice): Sent {
    const keys = Array.from({ length: dice.between(1, 5) }, () => dice.pick(this.#world.keys));
    const snapshot = this.#snapshots.maybe(dice);
    encode.encodeGetMany(writer, id, keys.map(latin1), snapshot?.id ?? 0);
    return this.#read(id, `getMany ${keys.join(" ")}`, snapshot, (response) => {
      const { entries, more } = pageOf(response, "getMany");
      const { model } = this.#world.ledger;
      const isWhole = entries.length === keys.length || (more && entries.length > 0);
      return {
        words: entries.map(({ version }, index) => `${keys[index]} (${version})`).join(", "),
        isTrueAt: (seq) =>
          isWhole &&
          entries.every(({ version, value }, index) => {
            const entry = model.get(keys[index]!, seq);
            return version === (entry?.version ?? 0) && value === (entry?.value ?? "");
          }),
      };
    });
  }

  scan(writer: ByteWriter, id: number, dice: Dice): Sent {
    const { keys, pageEntriesMax, ledger } = this.#world;
    const snapshot = this.#snapshots.maybe(dice);
    const [one, other] = [dice.pick(keys), dice.pick(keys)];
    const words: PageWords = {
      ...(dice.oneIn(3) && { start: one < other ? one : other }),
      ...(dice.oneIn(3) && { end: one < other ? other : one }),
      reverse: dice.oneIn(3),
      limit: dice.oneIn(3) ? dice.between(1, 5) : 0,
    };
    const asked = dice.oneIn(4) ? snapshotWanted : 0;
    const { start, end, reverse, limit } = words;
    encode.encodeScan(writer, id, {
      start: start === undefined ? undefined : latin1(start),
      end: end === undefined ? undefined : latin1(end),
      reverse,
      limit,
      snapshotId: snapshot?.id ?? asked,
    });
    return this.#read(id, "scan", snapshot, (response) => {
      const page = pageOf(response, "scan");
      const found = page.entries.map(({ key, value, version }) => ({ key: key!, value, version }));
      return {
        words: `a page of ${found.map(({ key, version }) => `${key} (${version})`).join(", ")}`,
        isTrueAt: (seq) => checkPage(ledger.model, words, pageEntriesMax, { found, more: page.more }, seq),
      };
    });
  }

  /** A read of a snapshot is true at its seq, and any other one at some moment since it was asked. */
  #read(
    id: number,
    what: string,
    snapshot: OpenSnapshot | undefined,
    read: (response: TestResponse) => { words: string; isTrueAt: (seq: number) => boolean },
  ): Sent {
    const { ledger } = this.#world;
    const sinceSeq = ledger.knownSeq;
    const { life } = ledger;
    const askedUs = this.#world.nowUs();
    const answered = (response: TestResponse) => {
      const { words, isTrueAt } = read(response);
      if (snapshot === undefined) return ledger.explain(id, words, sinceSeq, life, isTrueAt);
      snapshot.usedUs = Math.max(snapshot.usedUs, askedUs);
      if (!isTrueAt(snapshot.seq))
        ledger.violate(`request ${id} got ${words}, not the state of ${snapshot.seq}`);
    };
    if (snapshot === undefined) return { what, life, answered };
    return {
      what: `${what} at ${snapshot.seq}`,
      life,
      answered,
      refused: ({ code }) => code === "SNAPSHOT_EXPIRED" && this.#snapshots.mayBeGone(snapshot, life),
    };
  }
}
