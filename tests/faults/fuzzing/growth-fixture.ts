import { expectBoundedGrowth } from "./cost.ts";

/** Reads five bytes, so to speak, and keeps forty million for them. */
const kept: Uint8Array[] = [];
expectBoundedGrowth(5, () => kept.push(new Uint8Array(40_000_000).fill(1)));
console.log(kept.length);
