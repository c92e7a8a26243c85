import type { PlacedMark } from "./open-operations.ts";

/** How far an order of all operations has come. */
export interface Point {
  /** Of the steps. */
  next: number;
  /** The newest that was given out. */
  seq: number;
  /** Looks that may have their place by now; those that wait for what they need are in `waiting`. */
  looksMet: number;
  waiting: number[];
  /** Writes in doubt whose turn may have come by now, and those of them that can still happen. */
  doubtsMet: number;
  doubtful: number[];
  /** Lives with something in doubt that are over. */
  horizon: number;
  readonly versions: Map<string, number>;
}

/** What can come next. */
export type Move =
  | { readonly kind: "step" }
  /** A life is over: what was in doubt in it, and has not happened, never will. */
  | { readonly kind: "pass" }
  | { readonly kind: "doubt"; readonly index: number; readonly version: number };

/** A point at which more than one thing could come next. */
export interface Choice {
  readonly mark: PlacedMark;
  readonly at: Point;
  /** Not tried yet. */
  readonly moves: Move[];
}

export function copyOf(at: Point): Point {
  return { ...at, versions: new Map(at.versions), waiting: [...at.waiting], doubtful: [...at.doubtful] };
}
