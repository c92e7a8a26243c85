import { expect, test } from "bun:test";
import fc from "fast-check";
import { randomBelow, type Random } from "../../src/lib/random.ts";
import { ProtocolError } from "../../src/protocol/protocol-error.ts";
import { RequestDecoder } from "../../src/protocol/request.ts";
import { request, response } from "./generators.ts";
import { decodeRequest, decodeResponse, encode, type Message, type Response } from "./message.ts";
import { mutated } from "./mutations.ts";
import { naiveRequest, naiveResponse } from "./naive-decoder.ts";
import { seed, seeded } from "./seed.ts";

/**
 * Mutated messages through the real decoder and through a naive one. They must agree on each: both accept and
 * read the same, or both refuse, and the real one may throw nothing but a ProtocolError.
 */
const mutantCount = 100_000;
const payloadBytesMax = 1_000;

test(
  "requests: the decoder and a naive one agree on 100,000 mutants",
  seeded((random) => {
    const corpus = corpusOf(fc.sample(request, { seed, numRuns: 2_000 }));
    const decoder = new RequestDecoder();
    compare(random, corpus, (payload) => decodeRequest(decoder, payload, 0, payload.length), naiveRequest);
  }),
);

test(
  "responses: the decoder and a naive one agree on 100,000 mutants",
  seeded((random) => {
    const corpus = corpusOf(fc.sample(response, { seed, numRuns: 2_000 }));
    let kind: Response["message"] = "pong";
    compare(
      random,
      corpus,
      (payload) => decodeResponse(kind, payload, 0, payload.length),
      (payload) => naiveResponse(kind, payload),
      (message) => {
        // An error may come for any answer; any other kind is now and then read as another.
        kind =
          message.message === "error" || randomBelow(random, 8) === 0 ? anyKind(random) : message.message;
      },
    );
  }),
);

interface Sample<M extends Message> {
  message: M;
  payload: Buffer;
}

function corpusOf<M extends Message>(messages: M[]): Sample<M>[] {
  const samples = messages.map((message) => ({ message, payload: encode(message).subarray(4) }));
  return samples.filter(({ payload }) => payload.length <= payloadBytesMax);
}

function compare<M extends Message>(
  random: Random,
  corpus: Sample<M>[],
  decode: (payload: Buffer) => M,
  decodeNaively: (payload: Buffer) => M,
  prepare: (message: M) => void = () => {},
): void {
  let accepted = 0;
  for (let index = 0; index < mutantCount; index++) {
    const { message, payload } = corpus[randomBelow(random, corpus.length)]!;
    const mutant = mutated(payload, corpus[randomBelow(random, corpus.length)]!.payload, random);
    prepare(message);
    const ours = attempt(() => decode(mutant));
    const naive = attempt(() => decodeNaively(mutant));
    const mayThrow = ours.message !== undefined || ours.error instanceof ProtocolError;
    if (!mayThrow || !Bun.deepEquals(ours.message, naive.message)) {
      expect({ mutant: mutant.toString("hex"), read: ours }).toEqual({
        mutant: mutant.toString("hex"),
        read: naive,
      });
      throw ours.error;
    }
    if (ours.message !== undefined) accepted++;
  }
  // The comparison would be worth nothing if the mutants were all refused, or all accepted.
  expect(accepted).toBeGreaterThan(mutantCount / 20);
  expect(accepted).toBeLessThan((mutantCount * 19) / 20);
}

function attempt<M>(decode: () => M): { message?: M; error?: unknown } {
  try {
    return { message: decode() };
  } catch (error) {
    return { error };
  }
}

function anyKind(random: Random): Response["message"] {
  const kinds = [
    ...["pong", "written", "entry", "scanPage", "getManyPage"],
    ...["snapshot", "checkpointed", "done", "statsReply"],
  ] as Response["message"][];
  return kinds[randomBelow(random, kinds.length)]!;
}
