import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { seededRandom } from "../../../src/lib/random.ts";
import { ProtocolError } from "../../../src/protocol/protocol-error.ts";
import { RequestDecoder } from "../../../src/protocol/request.ts";
import { statusName } from "../../../src/protocol/status.ts";
import { decodeResponse } from "../../protocol/message.ts";
import { FileJudge } from "./file-judge.ts";
import { FileMaker } from "./file-maker.ts";
import { fileKinds, hexOf, inputOfHex, judgeFile, type FileKind } from "./file-rounds.ts";
import { FrameJudge } from "./frame-judge.ts";
import { FrameMaker } from "./frame-maker.ts";
import { FrameStreams } from "./frame-streams.ts";
import { responseKinds, type ResponseKind } from "./naive-responses.ts";

/**
 * Inputs that are kept because each reached something that no other did: another verdict, another opcode or
 * kind, or another sentence of refusal, with its numbers and names left out. One line each: what is reached,
 * a tab, the bytes.
 */
export type Corpus = Map<string, string>;
export type CorpusKind = "request" | "response" | FileKind;
export const corpusKinds: readonly CorpusKind[] = ["request", "response", ...fileKinds];

const pathOf = (kind: CorpusKind) => join(import.meta.dir, "corpus", `${kind}s.txt`);

export function readCorpus(kind: CorpusKind): Corpus {
  if (!existsSync(pathOf(kind))) return new Map();
  const lines = readFileSync(pathOf(kind), "utf8")
    .split("\n")
    .filter((line) => line !== "");
  return new Map(lines.map((line) => line.split("\t") as [string, string]));
}

export function writeCorpus(kind: CorpusKind, corpus: Corpus): void {
  const lines = [...corpus]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([what, hex]) => `${what}\t${hex}\n`);
  writeFileSync(pathOf(kind), lines.join(""));
}

/** Judges the input, which must bring no disagreement, and says what it reaches. */
export function reachedBy(kind: CorpusKind, hex: string): string {
  if (kind === "request") return requestReach(Buffer.from(hex, "hex"));
  if (kind === "response") {
    const [what, payload] = hex.split(" ") as [ResponseKind, string];
    return responseReach(what, Buffer.from(payload, "hex"));
  }
  const verdict = judgeFile(files, kind, inputOfHex(kind, hex));
  return `${verdict}: ${shapeOf(files.lastRow)}`;
}

/**
 * Searches for what the corpus lacks, and for shorter ways to what it has. Returns how many lines are new or
 * changed.
 */
export async function searchInto(
  corpora: ReadonlyMap<CorpusKind, Corpus>,
  seed: number,
  frames: number,
  fileCount: number,
): Promise<number> {
  let changed = 0;
  const keep = (kind: CorpusKind, what: string, hex: string) => {
    const corpus = corpora.get(kind)!;
    const known = corpus.get(what);
    if (known !== undefined && known.length <= hex.length) return;
    corpus.set(what, hex);
    changed++;
  };
  const requests = new FrameMaker("requests", seed);
  const responses = new FrameMaker("responses", seed);
  const streams = new FrameStreams(seededRandom(seed));
  for (let done = 0; done < frames;) {
    streams.make(requests);
    done += streams.run((bytes, start, end) => {
      const payload = bytes.subarray(start, end);
      keep("request", requestReach(payload), payload.toString("hex"));
    });
    streams.make(responses);
    done += streams.run((bytes, start, end, kind) => {
      const payload = bytes.subarray(start, end);
      keep("response", responseReach(kind, payload), `${kind} ${payload.toString("hex")}`);
    });
  }
  const maker = await FileMaker.begin(seed);
  for (let done = 0; done < fileCount; done++) {
    const kind = fileKinds[done % fileKinds.length]!;
    const input = maker[kind]();
    const verdict = judgeFile(files, kind, input);
    keep(kind, `${verdict}: ${shapeOf(files.lastRow)}`, hexOf(input));
  }
  return changed;
}

const frames = new FrameJudge();
const files = new FileJudge();
const decoder = new RequestDecoder();

function requestReach(payload: Buffer): string {
  const status = frames.request(payload, 0, payload.length);
  if (status === 0) return `OK: opcode ${frames.opcode}`;
  return `${statusName(status)}: ${messageOf(() => decoder.decode(payload, 0, payload.length))}`;
}

function responseReach(kind: ResponseKind, payload: Buffer): string {
  if (!responseKinds.includes(kind)) throw new Error(`there is no response of the kind ${kind}`);
  if (!frames.response(kind, payload, 0, payload.length)) {
    return `refused: ${kind}: ${messageOf(() => decodeResponse(kind, payload, 0, payload.length))}`;
  }
  return `accepted: ${decodeResponse(kind, payload, 0, payload.length).message}`;
}

function messageOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof ProtocolError) return shapeOf(error.message);
    throw error;
  }
  throw new Error("what was refused is accepted the second time");
}

/** A sentence without what differs from input to input. */
function shapeOf(message: string): string {
  return message
    .replace(/"(\\.|[^"\\])*"/g, '"…"')
    .replace(/0x[0-9a-f]{2}/g, "0x#")
    .replace(/\d+/g, "#")
    .replace(/\s+/g, " ")
    .trim();
}
