import { tinySegmentBytes } from "../../support/aimed-run.ts";
import {
  addTally,
  emptyTally,
  enumerateRecording,
  type Bounds,
  type Sample,
  type Tally,
} from "../crash-states/enumerate.ts";
import { stagesOf, type PlayedLives } from "./lives.ts";
import { opensAlike } from "./real-start.ts";

export interface LifeBounds extends Bounds {
  /** Of the disks whose recovery is crashed as well, so many are opened by the real server. Of one life. */
  readonly realStartsMax: number;
  /** Only this stage. */
  readonly only?: string | undefined;
  /** One of so many moments, in turn; default: each. */
  readonly stride?: number;
}

export interface LifeTally extends Tally {
  /** Those that were visited. */
  stages: number;
  /** Disks that the real server opened, and found the same on. */
  realStarts: number;
}

export function emptyLifeTally(): LifeTally {
  return { ...emptyTally(), stages: 0, realStarts: 0 };
}

/**
 * Visits every moment of one traced life, stage by stage, and recovers and judges every disk that a crash may leave
 * there. Throws a Violation for the first that is not as it must be.
 */
export async function enumerateLife(
  lives: PlayedLives,
  name: string,
  bounds: LifeBounds,
): Promise<LifeTally> {
  const { only, seed, realStartsMax, stride = 1 } = bounds;
  const { points, log } = await lives.play(name);
  const model = log.model();
  const tally = emptyLifeTally();
  const samples: Sample[] = [];
  for (const stage of stagesOf(name)) {
    if (only !== undefined && only !== stage) continue;
    const chosen = points.filter((point, index) => point.stage === stage && (index + seed) % stride === 0);
    if (chosen.length === 0) continue;
    const options = {
      ...bounds,
      open: sizes,
      namesHolder: true,
      repeat: `bun tests/faults/traced-states/long.ts --only "${stage}" --seed ${seed}`,
      onSample: (sample: Sample) => void samples.push(sample),
    };
    addTally(tally, await enumerateRecording(stage, { points: chosen, model }, options));
    tally.stages++;
  }
  for (const sample of spread(samples, realStartsMax)) {
    await opensAlike(sample, model);
    tally.realStarts++;
  }
  return tally;
}

/** As the real server has them. */
const sizes = {
  segmentBytesMax: tinySegmentBytes,
  tableBytesMax: tinySegmentBytes,
  manifestBytesMax: tinySegmentBytes,
};

/** So many of a list, from its beginning to its end. */
function spread<T>(list: readonly T[], countMax: number): T[] {
  const count = Math.min(countMax, list.length);
  return Array.from({ length: count }, (_, index) => list[Math.floor((index * list.length) / count)]!);
}
