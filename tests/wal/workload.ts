import { type Random, randomBelow } from "../../src/lib/random.ts";
import type { Operation, WriteAheadLog } from "../../src/wal/write-ahead-log.ts";
import type { Ledger } from "./ledger.ts";
import { settle, type StillClock } from "./still-clock.ts";

/** Asks a log for one thing after another, at random, without waiting for most of it, until `isOver`. */
export async function work(
  log: WriteAheadLog,
  ledger: Ledger,
  clock: StillClock,
  random: Random,
  isOver: () => boolean,
): Promise<void> {
  const calls: Promise<unknown>[] = [];
  const start = (call: Promise<unknown>) => {
    // Once the machine has stopped nobody is there to hear an answer.
    calls.push(call.catch((error: unknown) => isOver() || Promise.reject(error)));
  };
  for (let step = 0; step < 60 && !isOver(); step++) {
    const dice = randomBelow(random, 100);
    if (dice < 45) start(ledger.append(someOperation(random, step)));
    else if (dice < 58) start(ledger.appendBatch(someBatch(random, step)));
    else if (dice < 62) start(ledger.checkpoint());
    else if (dice < 67) start(ledger.sync());
    else if (dice < 73) start(ledger.truncate(someFloor(random, log)));
    else if (dice < 80) clock.advance(1 + randomBelow(random, 60));
    else if (dice < 90) await settle(1 + randomBelow(random, 4));
    else await clock.passing(Promise.all(calls.splice(0)));
  }
  await clock.passing(Promise.all(calls));
}

function someBatch(random: Random, step: number): Operation[] {
  return Array.from({ length: 1 + randomBelow(random, 4) }, () => someOperation(random, step));
}

function someOperation(random: Random, step: number): Operation {
  const key = `k${randomBelow(random, 20)}`;
  if (randomBelow(random, 5) === 0) return { type: "delete", key };
  // Mostly many to a sector, sometimes over several.
  const bytes = randomBelow(random, 10) === 0 ? randomBelow(random, 900) : randomBelow(random, 40);
  return { type: "put", key, value: `${step}`.padEnd(bytes, ".") };
}

function someFloor(random: Random, log: WriteAheadLog): number {
  const { floorSeq, currentSeq } = log;
  if (randomBelow(random, 3) === 0) return currentSeq;
  return floorSeq + randomBelow(random, currentSeq - floorSeq + 1);
}
