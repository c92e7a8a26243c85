import { acknowledgedTooEarly } from "./acknowledged-too-early.ts";
import { damageThatWasBelieved } from "./damage-that-was-believed.ts";
import type { Exhibit } from "./exhibit.ts";
import { namesThatWereLost } from "./names-that-were-lost.ts";
import { stepsOutOfOrder } from "./steps-out-of-order.ts";

/** The whole museum, room by room. */
export const exhibits: readonly Exhibit[] = [
  ...acknowledgedTooEarly,
  ...namesThatWereLost,
  ...damageThatWasBelieved,
  ...stepsOutOfOrder,
];
