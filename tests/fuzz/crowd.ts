import { frameDeadlineMs } from "../../src/lib/limits.ts";
import { seededRandom } from "../../src/lib/random.ts";
import { statusName } from "../../src/protocol/status.ts";
import { Corpus } from "./corpus.ts";
import type { SentEntries } from "./sent-entries.ts";
import { planVisit, type Role } from "./visit-plan.ts";
import { Visit, type VisitHost } from "./visit.ts";

export interface CrowdOptions {
  readonly port: number;
  readonly seed: number;
  /** Visitors at a time. */
  readonly connections: number;
  /** Goes on until so many frames were answered. */
  readonly framesMin: number;
  readonly sent: SentEntries;
}

/**
 * Visitors without end: in each of the crowd's places, as soon as one is gone, the next one comes. What the
 * n-th visitor of a place does follows from the seed alone; how the visits meet in time is the machine's
 * affair.
 */
export class Crowd implements VisitHost {
  readonly port: number;
  readonly sent: SentEntries;
  /** Resolves when enough frames were answered, or enough went wrong. */
  readonly enough: Promise<void>;
  readonly violations: string[] = [];
  readonly framesByRole: Record<Role, number> = {
    hasty: 0,
    dripping: 0,
    silent: 0,
    deaf: 0,
    giant: 0,
    flooding: 0,
  };
  /** Right answers, by the name of their status. */
  readonly answers: Record<string, number> = {};
  /** Those that were answered: of what a cut connection had sent, nobody knows how much the server saw. */
  frames = 0;
  visits = 0;
  bytesSent = 0;
  readonly #options: CrowdOptions;
  readonly #corpus: Corpus;
  readonly #open = new Set<Visit>();
  readonly #places = new Map<Visit, Place>();
  readonly #hasEnough: () => void;
  readonly #watch: Timer;
  #isOver = false;

  constructor(options: CrowdOptions) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.port = options.port;
    this.sent = options.sent;
    this.enough = promise;
    this.#hasEnough = resolve;
    this.#options = options;
    this.#corpus = new Corpus(options.seed, seededRandom(options.seed));
    this.#watch = setInterval(() => this.#endOverdue(), 1_000);
  }

  start(): void {
    for (let number = 0; number < this.#options.connections; number++) this.#visit({ number, visits: 0 });
  }

  /** Everybody leaves at once, and nothing is expected of the server any more. */
  stop(): void {
    this.#isOver = true;
    clearInterval(this.#watch);
    for (const visit of this.#open) visit.stop();
  }

  answered(statusCode: number): void {
    const name = statusName(statusCode);
    this.answers[name] = (this.answers[name] ?? 0) + 1;
  }

  ended(visit: Visit): void {
    const place = this.#places.get(visit)!;
    this.#open.delete(visit);
    this.#places.delete(visit);
    if (this.#isOver) return;
    const { plan, violation } = visit;
    this.visits++;
    this.frames += visit.answers;
    this.framesByRole[plan.role] += visit.answers;
    this.bytesSent += visit.bytesSent;
    if (violation !== undefined) {
      const hex = plan.bytes.length <= 4_096 ? `; it sent ${plan.bytes.toString("hex")}` : "";
      this.violations.push(`${visit.name}: ${violation}${hex}`);
    }
    if (this.frames >= this.#options.framesMin || this.violations.length >= violationsMax) this.#hasEnough();
    // A turn later: a server that refuses everybody must not keep this one from noticing.
    setImmediate(() => this.#visit(place));
  }

  #visit(place: Place): void {
    if (this.#isOver) return;
    const nth = place.visits++;
    const role = roleOf(place.number, nth);
    const random = seededRandom(this.#options.seed ^ Bun.hash.crc32(`${place.number}/${nth}`));
    const visit = new Visit(
      `${role} visitor ${place.number}/${nth}`,
      planVisit(role, random, this.#corpus),
      this,
    );
    this.#places.set(visit, place);
    this.#open.add(visit);
    visit.start();
  }

  #endOverdue(): void {
    for (const visit of this.#open) {
      if (visit.ageMs > visitMsMax) visit.end(`the server let it stay for ${Math.round(visit.ageMs)} ms`);
    }
  }
}

interface Place {
  readonly number: number;
  visits: number;
}

function roleOf(place: number, nth: number): Role {
  if (place === 0 && nth % 50 === 25) return "giant";
  if (place === 1 && nth % 1_000 === 500) return "flooding";
  return rolesByPlace[place % rolesByPlace.length]!;
}

const rolesByPlace: readonly Role[] = [
  "hasty",
  "hasty",
  "hasty",
  "hasty",
  "silent",
  "hasty",
  "hasty",
  "dripping",
  "hasty",
  "hasty",
  "silent",
  "deaf",
];

/** The server's longest deadline for what a visitor may do is this; all else is a matter of moments. */
const visitMsMax = frameDeadlineMs + 10_000;
const violationsMax = 10;
