import { randomBelow, seededRandom, type Random } from "../../../src/lib/random.ts";
import { checkStore } from "../../../src/offline/check-store.ts";
import { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import { tearLastGroup } from "../crash-states/play.ts";
import { live, type Beginning, type Life, type LifePlan } from "./life.ts";
import type { TracedPoint } from "./points-of-trace.ts";
import {
  backup,
  batches,
  compaction,
  everythingAtOnce,
  fill,
  flush,
  newManifest,
  puts,
  readsAndPuts,
  unawaited,
} from "./stages.ts";
import { TracedLog } from "./traced-log.ts";

interface NamedLife extends LifePlan {
  readonly name: string;
  /** What it begins with; undefined: nothing at all. */
  readonly begins?: (played: (name: string) => Promise<Life>, random: Random) => Promise<Beginning>;
}

const first = "a life from its first boot to a clean end";
const loadKilled = "a life after a clean end, killed under load";
const atOnce = "a life with everything at once";
const crashed = "a life after a power cut at any moment";
const flushKilled = "a life after a kill within a flush";

/** The lives that are traced. Each stage of one is a workload; those that follow on others come later. */
export const lives: readonly NamedLife[] = [
  {
    name: first,
    start: "a first boot",
    stages: [
      { name: "puts, one by one and at once", act: puts },
      { name: "batches, one by one and at once", act: batches },
      { name: "a rotation", act: (server) => fill(server, 3) },
      { name: "a flush", act: flush },
      { name: "a compaction", act: compaction },
      { name: "a manifest that is written anew", act: newManifest },
    ],
    end: { name: "a clean shutdown", signal: "SIGTERM" },
  },
  {
    name: loadKilled,
    begins: async (played) => atEnd(await played(first)),
    start: "a start after a clean end",
    stages: [{ name: "writes that a kill meets", act: unawaited }],
    end: { name: "a kill", signal: "SIGKILL" },
  },
  {
    name: "a life after a kill under load",
    begins: async (played) => atEnd(await played(loadKilled)),
    start: "a start after a kill",
    stages: [{ name: "puts after a kill", act: puts }],
    end: { name: "a kill", signal: "SIGKILL" },
  },
  {
    name: "a life after a kill before a sync",
    begins: async (played) => after(await played(first), unsynced(await played(first))),
    start: "a start after a kill before a sync",
    stages: [{ name: "reads and puts after a kill before a sync", act: readsAndPuts }],
    end: { name: "a kill", signal: "SIGKILL" },
  },
  {
    name: "a life after a torn tail",
    begins: async (played) => torn(await played(first)),
    start: "the repair of a torn tail",
    stages: [{ name: "puts after a repair", act: puts }],
    end: { name: "a kill", signal: "SIGKILL" },
  },
  {
    name: flushKilled,
    begins: async (played) => killedBefore(await played(first), "rename", /\.table\.tmp$/),
    start: "a start after a kill within a flush",
    stages: [{ name: "a flush after a kill within one", act: flush }],
    end: { name: "a kill", signal: "SIGKILL" },
  },
  {
    name: "a life after a kill within a start",
    begins: async (played) => killedBefore(await played(flushKilled), "rename", /\.manifest\.tmp$/),
    start: "a start after a kill within a start",
    stages: [],
    end: { name: "a kill", signal: "SIGKILL" },
  },
  {
    name: "a life after a prune that was cut short",
    begins: async (played) => killedBefore(await played(first), "unlink", /\.wal$/),
    start: "the end of a prune that a kill cut short",
    stages: [],
    end: { name: "a clean shutdown", signal: "SIGTERM" },
  },
  {
    name: "a life with a backup that links",
    begins: async (played) => atEnd(await played(first)),
    start: "a start before a backup",
    stages: [{ name: "a backup that links", act: (server) => backup(server) }],
    end: { name: "a kill", signal: "SIGKILL" },
  },
  {
    name: "a life with a backup that copies",
    begins: async (played) => atEnd(await played(first)),
    start: "a start before a backup",
    stages: [{ name: "a backup that copies", act: (server) => backup(server, "--copy") }],
    end: { name: "a kill", signal: "SIGKILL" },
  },
  {
    name: atOnce,
    begins: async (played) => atEnd(await played(first)),
    start: "a start before much work",
    stages: [{ name: "everything at once", act: everythingAtOnce }],
    end: { name: "a kill", signal: "SIGKILL" },
  },
  {
    name: crashed,
    begins: async (played, random) => afterPowerCut(await played(atOnce), random),
    start: "a start after a power cut",
    stages: [{ name: "everything at once after a power cut", act: everythingAtOnce }],
    end: { name: "a kill", signal: "SIGKILL" },
  },
  {
    name: "a life after a power cut within one after another",
    begins: async (played, random) => afterPowerCut(await played(crashed), random),
    start: "a start after two power cuts",
    stages: [{ name: "puts after two power cuts", act: puts }],
    end: { name: "a clean shutdown", signal: "SIGTERM" },
  },
];

/** What the moments of a life are told apart by, in order. */
export function stagesOf(name: string): string[] {
  const { start, stages, end } = lives.find((life) => life.name === name)!;
  return [start, ...stages.map((stage) => stage.name), end.name];
}

export interface PlayOptions {
  /** Where the program is, if it is not this project. */
  readonly root?: string;
  /** The life that has this stage ends after it. */
  readonly until?: string;
}

/** Lets lives be lived when somebody asks for them, each once. */
export class PlayedLives {
  readonly #seed: number;
  readonly #options: PlayOptions;
  readonly #played = new Map<string, Promise<Life>>();

  constructor(seed: number, options: PlayOptions = {}) {
    this.#seed = seed;
    this.#options = options;
  }

  play(name: string): Promise<Life> {
    const known = this.#played.get(name) ?? this.#live(name);
    this.#played.set(name, known);
    return known;
  }

  async #live(name: string): Promise<Life> {
    const index = lives.findIndex((life) => life.name === name);
    const plan = lives[index]!;
    const { root, until } = this.#options;
    const last = plan.stages.findIndex((stage) => stage.name === until);
    const stages = last < 0 ? plan.stages : plan.stages.slice(0, last + 1);
    const nothing = { disk: new MemoryFileSystem(), log: new TracedLog(), ackedSeq: 0 };
    const random = seededRandom(this.#seed + index);
    const beginning = (await plan.begins?.((earlier) => this.play(earlier), random)) ?? nothing;
    try {
      return await live({ ...plan, stages }, beginning, { random, root });
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
    }
  }
}

/** The process was killed right before a call, at the last such moment. */
function killedBefore(life: Life, kind: string, path: RegExp): Beginning {
  const isMeant = ({ effect }: TracedPoint) => effect?.kind === kind && path.test(effect.path);
  return after(life, lastPoint(life, isMeant));
}

/** The power went while a group was being synced, and its end did not get to the disk. */
function torn(life: Life): Beginning {
  const point = unsynced(life);
  const disk = point.disk.clone();
  tearLastGroup(disk);
  return after(life, { ...point, disk });
}

/** The power went at a moment that is drawn, and took what is drawn as well. */
function afterPowerCut(life: Life, random: Random): Beginning {
  const point = life.points[randomBelow(random, life.points.length)]!;
  return after(life, { ...point, disk: point.disk.crash({ random }) });
}

/** A group of puts was written, and is not synced. */
function unsynced(life: Life): TracedPoint {
  return lastPoint(life, ({ effect, stage, expectation }) => {
    const isSync = effect?.kind === "datasync" && effect.path.startsWith("/data/wal/");
    return isSync && stage.startsWith("puts") && expectation.ackedSeq < expectation.submittedSeq;
  });
}

function lastPoint({ points }: Life, isMeant: (point: TracedPoint) => boolean): TracedPoint {
  const found = points.findLast(isMeant);
  if (found === undefined) throw new Error("A life had no such moment as the next one was to begin with");
  return found;
}

function after({ log }: Life, { disk, expectation }: TracedPoint): Beginning {
  return atEnd({ disk, log, ackedSeq: expectation.ackedSeq });
}

/** What was on its way to the log, and is not on the disk, has left its numbers to others. */
function atEnd({ disk, log, ackedSeq }: Beginning): Beginning {
  const left = log.copy();
  left.goBackTo(checkStore(disk, "/data").lastSeq);
  return { disk, log: left, ackedSeq };
}
