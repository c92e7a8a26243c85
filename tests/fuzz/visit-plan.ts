import { randomBelow, type Random } from "../../src/lib/random.ts";
import { mutated } from "../protocol/mutations.ts";
import type { Corpus } from "./corpus.ts";
import { forecast, type Forecast } from "./forecast.ts";
import { frame, times } from "./frames.ts";
import { falseHelloFrame, helloFrame } from "./hello-frames.ts";
import { hostileFrame, unfinishedFrame } from "./hostile-frames.ts";
import { deafStream, floodStream, giantStream } from "./large-streams.ts";
import { excessiveFrame, refusedFrame } from "./refused-frames.ts";

/**
 * What a visitor is up to.
 * - hasty: frames of every kind, as fast as they go
 * - dripping: a few bytes at a time
 * - silent: begins something and never ends it, until the server has had enough
 * - deaf: asks for a lot and does not read it for a while
 * - giant: the largest that is allowed, and a little more
 * - flooding: more requests than may be unanswered
 */
export type Role = "hasty" | "dripping" | "silent" | "deaf" | "giant" | "flooding";

/** One connection's whole life, decided before it begins. */
export interface VisitPlan {
  readonly role: Role;
  readonly bytes: Buffer;
  readonly forecast: Forecast;
  /** Lengths of the pieces in which the bytes are sent, again from the start after the last. */
  readonly pieces: readonly number[];
  /** Waits so long between two pieces; 0: a turn of the event loop. */
  readonly pieceDelayMs: number;
  /** Reads nothing for so long. */
  readonly deafMs: number;
  /**
   * Once all is sent: says so and reads on; waits for the server's end; or cuts the connection, when it was
   * deaf long enough.
   */
  readonly ending: "shutdown" | "wait" | "cut";
}

export function planVisit(role: Role, random: Random, corpus: Corpus): VisitPlan {
  const isCut = role !== "silent" && randomBelow(random, role === "deaf" ? 2 : 8) === 0;
  const bytes = streamOf(role, isCut, random, corpus);
  const foretold = forecast(bytes);
  const isPatient = role === "silent" || foretold.endsConnection;
  return {
    role,
    bytes,
    forecast: foretold,
    pieces: piecesOf(role, bytes, random),
    pieceDelayMs: role === "dripping" ? 1 + randomBelow(random, 10) : 0,
    deafMs: role === "deaf" ? 200 + randomBelow(random, 3_000) : 0,
    ending: isCut ? "cut" : isPatient ? "wait" : "shutdown",
  };
}

function streamOf(role: Role, isCut: boolean, random: Random, corpus: Corpus): Buffer {
  switch (role) {
    case "hasty":
      return hastyStream(random, corpus);
    case "dripping":
      return Buffer.concat([helloFrame(random), ...times(5, () => corpus.small(random))]).subarray(0, 400);
    case "silent":
      return silentStream(random);
    case "deaf":
      return deafStream(random, isCut);
    case "giant":
      return giantStream(random);
    case "flooding":
      return floodStream(random);
  }
}

function hastyStream(random: Random, corpus: Corpus): Buffer {
  const parts: Buffer[] = [];
  if (randomBelow(random, 8) > 0) parts.push(helloFrame(random));
  else parts.push(strangersFrame(random, corpus));
  const count = randomBelow(random, 1 << (2 + randomBelow(random, 6)));
  for (let index = 0; index < count; index++) parts.push(anyFrame(random, corpus));
  const stream = Buffer.concat(parts);
  // One stream in sixteen ends in the middle of something.
  return randomBelow(random, 16) === 0 ? stream.subarray(0, randomBelow(random, stream.length + 1)) : stream;
}

/** What a connection may begin with, other than with a hello. */
function strangersFrame(random: Random, corpus: Corpus): Buffer {
  switch (randomBelow(random, 5)) {
    case 0:
      return hostileFrame(random);
    case 1:
      return falseHelloFrame(random);
    case 2:
      return mutated(helloFrame(random), corpus.small(random), random);
    case 3:
      return corpus.small(random);
    default:
      return unfinishedFrame(random);
  }
}

function anyFrame(random: Random, corpus: Corpus): Buffer {
  const kind = randomBelow(random, 1_000);
  if (kind === 0) return corpus.large(random);
  if (kind === 1) return excessiveFrame(random);
  if (kind < 350) return corpus.small(random);
  if (kind < 450) return refusedFrame(random);
  if (kind < 456) return hostileFrame(random);
  for (;;) {
    const candidate = mutant(random, corpus);
    // Most mutants end the connection, and streams would be short: those that don't are preferred.
    const { endsConnection, unfinishedBytes } = forecast(candidate, false);
    if ((!endsConnection && unfinishedBytes === 0) || randomBelow(random, 16) === 0) return candidate;
  }
}

/** A valid frame with something done to it: most often to what is in it, sometimes to its length as well. */
function mutant(random: Random, corpus: Corpus): Buffer {
  if (randomBelow(random, 8) === 0) return mutated(corpus.small(random), corpus.small(random), random);
  return frame(mutated(corpus.payload(random), corpus.payload(random), random));
}

function silentStream(random: Random): Buffer {
  switch (randomBelow(random, 4)) {
    case 0:
      return Buffer.alloc(0);
    case 1:
      return helloFrame(random).subarray(0, 1 + randomBelow(random, 8));
    default:
      return Buffer.concat([helloFrame(random), unfinishedFrame(random)]);
  }
}

function piecesOf(role: Role, bytes: Buffer, random: Random): number[] {
  if (role === "dripping") return times(16, () => 1 + randomBelow(random, 5));
  if (randomBelow(random, 4) > 0) return [bytes.length];
  return times(16, () => 1 + randomBelow(random, Math.max(200, bytes.length >> 6)));
}
