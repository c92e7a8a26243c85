import { Buffer } from "node:buffer";
import { seededRandom } from "../../../src/lib/random.ts";
import { RequestDecoder } from "../../../src/protocol/request.ts";
import { CostMeter, expectBoundedGrowth, growthBytesSuspect } from "./cost.ts";
import { FrameJudge } from "./frame-judge.ts";
import { FrameMaker } from "./frame-maker.ts";
import { FrameStreams } from "./frame-streams.ts";
import { responseKinds, type ResponseKind } from "./naive-responses.ts";
import { decodeRequest } from "./real-requests.ts";
import { RealResponses } from "./real-responses.ts";
import { Violation } from "./violation.ts";

/** What one round of frames met. */
export interface FrameCounts {
  frames: number;
  /** Requests by status and, where it is 0, opcode: "1", "0 get". Responses by kind: "entry true". */
  readonly outcomes: Map<string, number>;
}

/**
 * Streams of requests and of responses in turns, until `frames` payloads were judged. Everything follows from
 * the seed. Throws a Violation that holds the frame.
 */
export function runFrames(
  seed: number,
  frames: number,
  costs: CostMeter,
  samples = 1_500,
  counts: FrameCounts = { frames: 0, outcomes: new Map() },
): FrameCounts {
  const requests = new FrameMaker("requests", seed, samples);
  const responses = new FrameMaker("responses", seed, samples);
  const random = seededRandom(seed);
  const several = Array.from({ length: streamsPerLook }, () => new FrameStreams(random));
  const judges = [new FrameJudge(), new FrameJudge(tightLimits)];
  const end = counts.frames + frames;
  costs.begin();
  for (let stream = 0; counts.frames < end; stream++) {
    const isRequests = stream % 2 === 0;
    const judge = judges[(stream >> 1) % 2]!;
    const streams = several[stream % streamsPerLook]!;
    let payload: Payload | undefined;
    try {
      streams.make(isRequests ? requests : responses);
      counts.frames += streams.run((bytes, start, frameEnd, kind, isCanonical) => {
        payload = { bytes, start, end: frameEnd, kind: isRequests ? undefined : kind };
        const outcome = isRequests
          ? requestOutcome(judge, bytes, start, frameEnd, isCanonical)
          : responseOutcome(judge, kind, bytes, start, frameEnd, isCanonical);
        counts.outcomes.set(outcome, (counts.outcomes.get(outcome) ?? 0) + 1);
        if (judge.lastMs > costs.slowestMs)
          costs.time(judge.lastMs, () => decodeAgain(bytes, start, frameEnd, payload!.kind));
      });
      payload = undefined;
      if (stream % streamsPerLook < streamsPerLook - 1) continue;
      const before = costs.peakBytes;
      if (costs.observe() > before + growthBytesSuspect) several.forEach(weighEach);
    } catch (error) {
      throw violationOf(error, payload, streams);
    }
  }
  return counts;
}

/**
 * A server may be set to small limits: then small frames meet them, which thousands a second can be made of.
 */
const tightLimits = {
  keyBytesMax: 6,
  valueBytesMax: 7,
  batchOperationsMax: 5,
  batchBytesMax: 60,
  getManyKeysMax: 5,
};

interface Payload {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  /** Undefined: a request. */
  readonly kind: ResponseKind | undefined;
}

const statusTexts = Array.from({ length: 17 }, (_, status) => `${status}`);
const opcodeTexts = Array.from({ length: 14 }, (_, opcode) => `0 ${opcode}`);

function requestOutcome(
  judge: FrameJudge,
  bytes: Buffer,
  start: number,
  end: number,
  isCanonical: boolean,
): string {
  const status = judge.request(bytes, start, end, isCanonical);
  return status === 0 ? opcodeTexts[judge.opcode]! : statusTexts[status]!;
}

function responseOutcome(
  judge: FrameJudge,
  kind: ResponseKind,
  bytes: Buffer,
  start: number,
  end: number,
  isCanonical: boolean,
): string {
  return judge.response(kind, bytes, start, end, isCanonical) ? acceptedTexts[kind] : refusedTexts[kind];
}

const textsOf = (suffix: string) =>
  Object.fromEntries(responseKinds.map((kind) => [kind, `${kind} ${suffix}`])) as Record<
    ResponseKind,
    string
  >;
const acceptedTexts = textsOf("accepted");
const refusedTexts = textsOf("refused");

const decoder = new RequestDecoder();
const realResponses = new RealResponses();

/** Once more through the real decoder alone. */
export function decodeAgain(bytes: Buffer, start: number, end: number, kind: ResponseKind | undefined): void {
  if (kind === undefined) decodeRequest(decoder, bytes, start, end);
  else realResponses.decode(kind, bytes, start, end);
}

/**
 * A look at the resident memory takes as long as reading ten frames does. Even, for requests and responses
 * take turns.
 */
const streamsPerLook = 8;

/** The process has grown while some streams were read: which of the frames does that? */
function weighEach(streams: FrameStreams, index: number): void {
  const isRequests = index % 2 === 0;
  // With chances of its own: a round that is repeated must come out the same, however the memory grows.
  streams.run((bytes, start, end, kind) => {
    expectBoundedGrowth(end - start, () => decodeAgain(bytes, start, end, isRequests ? undefined : kind));
  }, seededRandom(index));
}

function violationOf(error: unknown, payload: Payload | undefined, streams: FrameStreams): Violation {
  if (payload === undefined) {
    return new Violation(
      "a stream of frames",
      streams.bytes.subarray(0, streams.length).toString("hex"),
      error,
    );
  }
  const { bytes, start, end, kind } = payload;
  return new Violation(
    kind === undefined ? "a request" : `a response, ${kind}`,
    bytes.toString("hex", start, end),
    error,
  );
}
