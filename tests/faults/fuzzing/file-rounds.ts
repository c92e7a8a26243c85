import { Buffer } from "node:buffer";
import { CostMeter, expectBoundedGrowth, growthBytesSuspect } from "./cost.ts";
import { FileJudge } from "./file-judge.ts";
import { FileMaker } from "./file-maker.ts";
import { Violation } from "./violation.ts";

export const fileKinds = ["log", "manifest", "table"] as const;
export type FileKind = (typeof fileKinds)[number];

/** A log is a directory of segments; each of the others is one file. */
export type FileInput = Buffer | ReadonlyMap<string, Uint8Array>;

export interface FileCounts {
  files: number;
  /** By kind and verdict: "log torn". */
  readonly outcomes: Map<string, number>;
}

/**
 * Logs, manifests and tables in turns, until `files` of them were judged. Everything follows from the seed.
 * Throws a Violation that holds the input.
 */
export async function runFiles(
  seed: number,
  files: number,
  costs: CostMeter,
  samples = 60,
  counts: FileCounts = { files: 0, outcomes: new Map() },
): Promise<FileCounts> {
  const maker = await FileMaker.begin(seed, samples);
  const judge = new FileJudge();
  costs.begin();
  for (let index = 0; index < files; index++) {
    const kind = fileKinds[index % fileKinds.length]!;
    const input = maker[kind]();
    try {
      const outcome = `${kind} ${judgeFile(judge, kind, input)}`;
      counts.outcomes.set(outcome, (counts.outcomes.get(outcome) ?? 0) + 1);
      const again = () => void judgeFile(judge, kind, input);
      if (judge.lastMs > costs.slowestMs) costs.time(judge.lastMs, again);
      if (index % 64 === 0) {
        const before = costs.peakBytes;
        // A reader of tables keeps a piece of 256 KiB, however small its table is.
        if (costs.observe() > before + growthBytesSuspect) expectBoundedGrowth(pieceBytes, again);
      }
    } catch (error) {
      throw new Violation(`a ${kind}`, hexOf(input), error);
    }
    counts.files++;
  }
  return counts;
}

const pieceBytes = 256 * 1024;

export function judgeFile(judge: FileJudge, kind: FileKind, input: FileInput): string {
  if (kind === "log") return judge.log(input as ReadonlyMap<string, Uint8Array>);
  return judge[kind](input as Buffer);
}

/** A file's bytes; of a log each name and its bytes: `000000000001.wal=…`. */
export function hexOf(input: FileInput): string {
  if (Buffer.isBuffer(input)) return input.toString("hex");
  return [...(input as ReadonlyMap<string, Uint8Array>)]
    .map(([name, bytes]) => `${name}=${Buffer.from(bytes).toString("hex")}`)
    .join(" ");
}

export function inputOfHex(kind: FileKind, hex: string): FileInput {
  if (kind !== "log") return Buffer.from(hex, "hex");
  const files = hex.split(" ").filter((part) => part !== "");
  return new Map(files.map((part) => [part.split("=")[0]!, Buffer.from(part.split("=")[1]!, "hex")]));
}
