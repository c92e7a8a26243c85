import { expect, test } from "bun:test";
import {
  greedyWriteBytesPerSecondMax,
  modestEffortMax,
  modestVisitsMin,
  sharedSendBytesMax,
} from "../../src/lib/limits.ts";
import { type Random, randomBelow } from "../../src/lib/random.ts";
import { forManySeeds } from "../support/seeds.ts";
import { BusyServer } from "./busy-server.ts";
import type { Peer } from "./harness.ts";

const passes = 1_200;
const largeBytesMax = 2 * sharedSendBytesMax;
/** Two dozen that wait for turns have one each within some fifty passes; none may be forgotten. */
const silentPassesMax = 300;
/** So many can't be taken within those passes: whoever has nothing before all are taken is silent for too long. */
const unansweredMax = 10_000;
/** Small enough that greedy ones wait, large enough that each has something within those passes. */
const writeLimits = [greedyWriteBytesPerSecondMax, 64 * 1024 ** 2, 512 * 1024 ** 2];

/** A peer that never stops asking, and reads what comes but for a while now and then. */
class Asker {
  readonly peer: Peer;
  readonly #random: Random;
  readonly #isGreedy: boolean;
  /** Whoever only reads is never stopped by the store. */
  readonly #onlyReads: boolean;
  readonly #unanswered = new Set<number>();
  #idNext = 2;
  #isFull = false;
  /** Passes without an answer, while some are due and could be taken. */
  silentPasses = 0;

  constructor(peer: Peer, random: Random, isGreedy: boolean) {
    this.peer = peer;
    this.#random = random;
    this.#isGreedy = isGreedy;
    this.#onlyReads = this.#chance(2);
  }

  get isAnswered(): boolean {
    return this.#unanswered.size === 0;
  }

  get isClosed(): boolean {
    return this.peer.wire.isClosed;
  }

  /** Whether it has something to send in this pass. */
  ask(): boolean {
    if (this.peer.wire.isPaused || this.#unanswered.size > unansweredMax) return false;
    if (!this.#isGreedy && !this.isAnswered) return false;
    const count = this.#isGreedy ? 1 + randomBelow(this.#random, modestEffortMax) : 1;
    for (let asked = 0; asked < count; asked++) this.#askOne();
    return true;
  }

  /** Now and then it reads nothing for some passes, and then what is there. */
  read(isOver: boolean): void {
    const { wire } = this.peer;
    if (this.#isFull ? isOver || this.#chance(20) : !isOver && this.#chance(200)) {
      this.#isFull = !this.#isFull;
      if (this.#isFull) wire.room = randomBelow(this.#random, 500);
      else this.peer.drain();
    }
    const ids = this.peer.ids();
    const strange = ids.filter((id) => !this.#unanswered.delete(id));
    if (strange.length > 0) throw new Error(`It was answered ${strange.join(", ")} twice, or unasked`);
    const isDue = !this.#isFull && !this.isAnswered && ids.length === 0;
    this.silentPasses = isDue ? this.silentPasses + 1 : 0;
  }

  #askOne(): void {
    const [peer, id] = [this.peer, this.#idNext++];
    this.#unanswered.add(id);
    if (this.#chance(100)) peer.get(id, "large");
    else if (this.#onlyReads || this.#chance(2)) peer.get(id, "small");
    else if (this.#chance(100)) peer.put(id, "large", "x".repeat(randomBelow(this.#random, largeBytesMax)));
    else if (this.#chance(3)) peer.ping(id);
    else peer.put(id, "small", "1");
  }

  /** Once in so many times. */
  #chance(times: number): boolean {
    return randomBelow(this.#random, times) === 0;
  }
}

// Those that ask without an end, and were cut off once, had nothing more, which no test saw in which asking ends.
test("whatever happens to others, and to its wire, whoever goes on asking goes on being answered", async () => {
  await forManySeeds(Number(process.env["ROUNDS"] ?? 8), oneRound);
});

function oneRound(random: Random): void {
  const host = new BusyServer({ greedyWriteBytesPerSecondMax: writeLimits[randomBelow(random, 3)]! }, false);
  host.store.countsBytes = true;
  const askers = Array.from({ length: 2 + randomBelow(random, 20) }, (_, index) => {
    return new Asker(host.greeted(), random, index >= modestVisitsMin / 2);
  });
  for (let pass = 0; pass < passes; pass++) {
    onePass(host, askers, random);
    for (const asker of askers) {
      asker.read(false);
      if (asker.isClosed) throw new Error("It was sent away");
      if (asker.silentPasses > silentPassesMax)
        throw new Error(`It had no answer for ${silentPassesMax} passes`);
    }
  }
  host.store.congested = false;
  host.store.groupIsLarge = false;
  for (let pass = 0; pass < 10 * silentPassesMax && askers.some(({ isAnswered }) => !isAnswered); pass++) {
    host.store.advance();
    host.pass();
    host.clock.advance(1);
    for (const asker of askers) asker.read(true);
  }
  expect(askers.map(({ isAnswered }) => isAnswered)).not.toContain(false);
  expect(host.server.statistics).toMatchObject({ inputBytes: 0, outputBytes: 0 });
}

function onePass(host: BusyServer, askers: readonly Asker[], random: Random): void {
  const { store } = host;
  const asking = askers.filter((asker) => asker.ask()).map(({ peer }) => peer);
  if (randomBelow(random, 20) === 0) store.groupIsLarge = !store.groupIsLarge;
  store.congested = store.congested ? randomBelow(random, 10) > 0 : randomBelow(random, 100) === 0;
  // A sync may return before, while and after sockets are read, and be behind what was written since.
  const when = randomBelow(random, 3);
  const seq = store.ackableSeq + randomBelow(random, store.currentSeq - store.ackableSeq + 1);
  if (when === 0) store.advance(seq);
  host.pass(...asking);
  if (when === 1) store.advance(seq);
  host.clock.advance(randomBelow(random, 3));
}
