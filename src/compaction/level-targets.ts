import { assert } from "../lib/assert.ts";
import { bytesOf, type Levels, type LevelTable } from "./levels.ts";

/**
 * How large the levels may be. They are filled from the deepest up: the deepest one holds most of the data, each one
 * above it may have a tenth of the one below, and level 0 goes to the highest level whose tenth is worth having. So
 * what the levels above may repeat of the deepest stays a ninth of it at most, whatever its size.
 */
export interface LevelSizes {
  /**
   * What a level must be allowed to hold to be worth having. Until a tenth of the deepest level is as much, level 0
   * goes straight there, in jobs of up to ten times as much.
   */
  levelBytesBase: number;
  /** A level may have so many times the bytes of the level above it. */
  levelRatio: number;
  levelsMax: number;
}

/** The level that level 0 is merged into. All levels between are empty. */
export function baseLevel(levels: Levels<LevelTable>, sizes: LevelSizes): number {
  const targets = levelTargets(levels, sizes);
  const highest = levels.findIndex((level, index) => index > 0 && level.length > 0);
  const wanted = targets.findIndex((bytes, index) => index > 0 && bytes >= sizes.levelBytesBase);
  // A level that is filled although it is not wanted any more lies above older data, and must be passed through.
  return highest === -1 ? wanted : Math.min(highest, wanted);
}

/** What each level may hold. 0: it should be empty. The deepest may hold anything; level 0 is counted in tables. */
export function levelTargets(levels: Levels<LevelTable>, sizes: LevelSizes): number[] {
  const deepest = sizes.levelsMax - 1;
  assert(levels.length === sizes.levelsMax && deepest >= 1, "there are as many levels as the options say");
  const targets = levels.map(() => 0);
  targets[deepest] = Infinity;
  let bytes = Math.max(...levels.slice(1).map(bytesOf));
  for (let level = deepest - 1; level >= 1; level--) {
    bytes /= sizes.levelRatio;
    if (bytes < sizes.levelBytesBase) break;
    targets[level] = bytes;
  }
  return targets;
}
