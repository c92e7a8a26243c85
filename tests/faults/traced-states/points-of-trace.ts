import { isDeepStrictEqual } from "node:util";
import type { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import { outputCalls } from "../../support/strace.ts";
import { stringsOf, type SystemCall } from "../../support/trace.ts";
import { inOrder, isSend, ToldVersions } from "../../support/trace-order.ts";
import type { Expectation, Moment } from "../crash-states/recorded-run.ts";
import type { FileEffect } from "./file-effect.ts";
import type { Beginning, Life } from "./life.ts";
import { differencesFrom } from "./real-directory.ts";
import { ReplayedDisk } from "./replayed-disk.ts";
import type { ClientWrite } from "./scripted-client.ts";
import { MergedTrace, threadsOf, type TimedTrace } from "./timed-trace.ts";
import type { TracedLog } from "./traced-log.ts";

/** A moment of a traced life: before a call begins, or before it returns. */
export interface TracedPoint extends Moment {
  /** Of the stages of the life, the one that it lies in. */
  readonly stage: string;
  /** What the call does, which begins next or is in flight; undefined: it is the end. */
  readonly effect: FileEffect | undefined;
}

export interface LifeTraces {
  readonly server: TimedTrace;
  readonly backups: readonly TimedTrace[];
}

export interface TracedLife {
  readonly beginning: Beginning;
  /** The directory that stands for "/". It holds what the life has left. */
  readonly root: string;
  readonly begun: readonly { readonly name: string; readonly atMs: number }[];
  readonly writes: readonly ClientWrite[];
}

/**
 * Plays a trace to a disk in memory. Throws unless the disk ends as the real directory did, byte by byte, and unless
 * the log has what the client was told, and nothing that it never asked for.
 */
export function pointsOfTrace(traces: LifeTraces, life: TracedLife): Life {
  const { beginning, root, writes } = life;
  const replay = new Replay(traces, life);
  replay.play();
  const end = replay.disk.ends().find((left) => differencesFrom(root, left).length === 0);
  if (end === undefined) {
    const differences = differencesFrom(root, replay.disk.now());
    throw new Error(`The replay of a trace went astray:\n${differences.join("\n")}`);
  }
  assertAsked(replay.log, beginning, writes);
  return { points: replay.points, disk: end, log: replay.log, ackedSeq: replay.expectation.ackedSeq };
}

class Replay {
  readonly points: TracedPoint[] = [];
  readonly disk: ReplayedDisk;
  readonly log: TracedLog;
  readonly #told = new ToldVersions();
  readonly #life: TracedLife;
  readonly #trace: MergedTrace;
  readonly #copiers: ReadonlySet<number>;
  readonly #effects = new Map<SystemCall, FileEffect>();
  #copy: Pick<Expectation, "copySeqMin" | "copyIsDue"> = {};

  constructor({ server, backups }: LifeTraces, life: TracedLife) {
    this.#life = life;
    this.disk = new ReplayedDisk(life.beginning.disk.clone(), life.root);
    this.log = life.beginning.log.copy();
    this.#trace = new MergedTrace([server, ...backups]);
    this.#copiers = new Set(backups.flatMap((trace) => [...threadsOf(trace)]));
  }

  get expectation(): Expectation {
    const ackedSeq = Math.max(this.#life.beginning.ackedSeq, this.#told.highest);
    return { ackedSeq, submittedSeq: this.log.submittedSeq, ...this.#copy };
  }

  play(): void {
    for (const { call, isBegin } of inOrder(this.#trace.calls)) {
      if (this.#copiers.has(call.thread)) this.#noteCopy(call);
      else if (isSend(call)) {
        if (isBegin) this.#told.send(call);
        continue;
      }
      if (isBegin) this.#begin(call);
      else this.#end(call);
    }
    this.#point("at the end", Infinity, undefined);
  }

  #begin(call: SystemCall): void {
    const effect = this.disk.effect(call);
    if (effect === undefined) return;
    this.#effects.set(call, effect);
    this.#point(`before ${storyOf(effect)}`, call.begin, effect);
    this.disk.begin(call, effect);
    if (effect.kind === "write") this.log.sees(effect, this.disk.now());
  }

  #end(call: SystemCall): void {
    const effect = this.#effects.get(call);
    if (effect === undefined) return;
    // If nothing has happened since it began, this is the moment after that.
    if (call.end > call.begin) this.#point(`within ${storyOf(effect)}`, call.end, effect);
    this.disk.end(call);
  }

  /** What a backup has begun with, and that it was reported. */
  #noteCopy(call: SystemCall): void {
    if (this.#copy.copySeqMin === undefined) this.#copy = { copySeqMin: this.expectation.ackedSeq };
    if (!(outputCalls as readonly string[]).includes(call.name)) return;
    const isReport = stringsOf(call).some((bytes) => bytes.includes("everything up to seq"));
    if (isReport) this.#copy = { ...this.#copy, copyIsDue: true };
  }

  #point(story: string, line: number, effect: FileEffect | undefined): void {
    const atMs = this.#trace.timeOf(line);
    const stage = this.#life.begun.findLast((begun) => begun.atMs <= atMs)!.name;
    const place = line === Infinity ? story : `${story}, line ${line + 1} of the trace`;
    const disk: MemoryFileSystem = this.disk.now();
    this.points.push({ disk, expectation: this.expectation, story: place, stage, effect });
  }
}

function storyOf(effect: FileEffect): string {
  return `${effect.kind} ${effect.path}${"to" in effect ? ` to ${effect.to}` : ""}`;
}

/** What the log holds must be what the client asked for: each write that was answered where it was said to be. */
function assertAsked(log: TracedLog, beginning: Beginning, writes: readonly ClientWrite[]): void {
  const unanswered = writes.filter(({ version }) => version === undefined);
  for (const { version, operations } of writes) {
    if (version === undefined || isDeepStrictEqual(log.writes.get(version), operations)) continue;
    throw new Error(`The log does not hold what was acknowledged as version ${version}`);
  }
  const answered = new Set(writes.map(({ version }) => version));
  for (const [version, operations] of log.writes) {
    if (answered.has(version) || beginning.log.writes.has(version)) continue;
    const index = unanswered.findIndex((write) => isDeepStrictEqual(write.operations, operations));
    if (index < 0) throw new Error(`Nobody asked for what the log holds as version ${version}`);
    unanswered.splice(index, 1);
  }
}
