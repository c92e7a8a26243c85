import type { Dice } from "./dice.ts";
import type { NetworkPlan } from "./simulated-connection.ts";
import type { StorePlan } from "./simulated-server.ts";
import type { Feature, Sabotage } from "./simulation-options.ts";

/** Everything is so small that segments, tables, merges and manifests follow on each other's heels. */
export function drawStore(
  dice: Dice,
  has: (feature: Feature) => boolean,
  sabotage: Sabotage | undefined,
): StorePlan {
  return {
    syncMode: has("rare syncs") && dice.oneIn(6) ? dice.pick(["batch", "none"]) : "always",
    segmentBytesMax: dice.pick([600, 1_024, 4_096, 16_384]),
    tableBytesMax: dice.pick([700, 2_048]),
    pageEntriesMax: dice.pick([2, 4, 100]),
    checkpointIntervalMs: dice.pick([30, 1_000, 300_000]),
    jobChunkBytes: dice.pick([128, 1_024, 65_536]),
    limits: {
      inFlightRequestsMax: dice.pick([2, 8, 1_024]),
      outputBytesMax: dice.pick([512, 1_048_576]),
      outputDeadlineMs: dice.pick([1_000, 60_000]),
    },
    sabotage,
  };
}

export function drawNetwork(dice: Dice, has: (feature: Feature) => boolean): NetworkPlan {
  return {
    delayUs: dice.oneIn(4) ? [100, 5_000] : [10, 200],
    pieceBytesMax: dice.pick([40, 400, 65_536]),
    roomBytes: dice.pick([64, 1_024, 65_536]),
    stallOneIn: has("stalls") && dice.oneIn(3) ? 200 : 0,
  };
}
