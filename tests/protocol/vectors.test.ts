import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { seededRandom } from "../../src/lib/random.ts";
import { FrameDecoder } from "../../src/protocol/frame-decoder.ts";
import { MalformedError, RefusedError } from "../../src/protocol/protocol-error.ts";
import { RequestDecoder } from "../../src/protocol/request.ts";
import { status } from "../../src/protocol/status.ts";
import { inEveryChunking } from "./chunking.ts";
import {
  decodeRequest,
  decodeResponse,
  encode,
  fromHex,
  hexOf,
  type Message,
  type Request,
  type Response,
} from "./message.ts";
import { seed } from "./seed.ts";

/**
 * The vectors are for whoever writes a client in another language, and they hold this one to the wire: a change of
 * one byte fails here. `UPDATE_GOLDEN=1 bun test tests/protocol/vectors.test.ts` writes down what the code does
 * now; its diff is a change of the protocol and is to be read as one.
 */
const updating = process.env.UPDATE_GOLDEN === "1";
const directory = join(import.meta.dir, "vectors");

interface Vector {
  name: string;
  direction: "request" | "response";
  fields: Message;
  frame: string;
}

/** Bytes that are refused; `expect` says how. */
interface RefusedVector {
  name: string;
  frame: string;
  /** Of a response: what it would have answered. */
  answers?: Response["message"];
  expect?: { status: string; id: number; text: string; details: number[] };
}

interface FrameVector {
  name: string;
  bytes: string;
  frameBytesMax: number;
  expect?: string;
}

const kinds = [
  ...["hello", "ping", "get", "get-many", "put", "delete", "batch", "scan", "stats"],
  ...["checkpoint", "compact", "open-snapshot", "renew-snapshot", "close-snapshot", "errors"],
];
const decodedOnly = ["accepted-forms"];
const refused = ["refused-requests", "malformed-requests", "malformed-responses"];
const frames = ["malformed-frames"];

test("every file of vectors is read by a test", () => {
  const files = [...kinds, ...decodedOnly, ...refused, ...frames].map((name) => `${name}.json`);
  expect(readdirSync(directory).sort()).toEqual(files.sort());
});

test("every status that is an error has a vector", () => {
  const named = load<Vector>("errors").map(({ fields }) => (fields.message === "error" ? fields.status : ""));
  expect(["OK", ...named]).toEqual(Object.keys(status));
});

for (const kind of kinds) {
  describe(`vectors of ${kind}`, () => {
    const vectors = load<Vector>(kind);
    if (updating)
      save(
        kind,
        vectors.map((vector) => ({ ...vector, frame: hexOf(encode(vector.fields)) })),
      );

    test.each(vectors)("$direction: $name: the fields give the bytes", ({ fields, frame }) => {
      if (!updating) expect(hexOf(encode(fields))).toBe(frame);
    });
    test.each(load<Vector>(kind))("$direction: $name: the bytes give the fields", expectFields);
  });
}

describe("forms that are accepted, though the encoders write shorter ones", () => {
  test.each(load<Vector>("accepted-forms"))("$direction: $name", expectFields);
});

for (const kind of refused) {
  describe(`vectors of ${kind}`, () => {
    const vectors = load<RefusedVector>(kind);
    if (updating)
      save(
        kind,
        vectors.map((vector) => ({ ...vector, expect: refusalOf(vector) })),
      );
    test.each(load<RefusedVector>(kind))("$name", (vector) => {
      expect(refusalOf(vector)).toEqual(vector.expect!);
    });
  });
}

describe("vectors of malformed-frames", () => {
  const vectors = load<FrameVector>("malformed-frames");
  if (updating)
    save(
      "malformed-frames",
      vectors.map((vector) => ({ ...vector, expect: frameRefusal(vector, false) })),
    );
  test.each(load<FrameVector>("malformed-frames"))("$name", (vector) => {
    expect(frameRefusal(vector, false)).toBe(vector.expect!);
    expect(frameRefusal(vector, true)).toBe(vector.expect!);
  });
});

function expectFields({ direction, fields, frame }: Vector): void {
  const decoder = new RequestDecoder();
  inEveryChunking(fromHex(frame), seededRandom(seed), (payloads) => {
    expect(payloads).toHaveLength(1);
    const [payload] = payloads as [Buffer];
    const decoded =
      direction === "request"
        ? decodeRequest(decoder, payload, 0, payload.length)
        : decodeResponse((fields as Response).message, payload, 0, payload.length);
    expect(decoded as Request | Response).toEqual(fields);
  });
}

/** How a frame is refused, which must not depend on the chunks in which it came. */
function refusalOf({ name, frame, answers }: RefusedVector): NonNullable<RefusedVector["expect"]> {
  const refusals: NonNullable<RefusedVector["expect"]>[] = [];
  inEveryChunking(fromHex(frame), seededRandom(seed), (payloads) => {
    const [payload] = payloads as [Buffer];
    try {
      if (answers === undefined) new RequestDecoder().decode(payload, 0, payload.length);
      else decodeResponse(answers, payload, 0, payload.length);
    } catch (error) {
      if (!(error instanceof MalformedError || error instanceof RefusedError)) throw error;
      const { code, correlationId: id, message: text, details } = error;
      refusals.push({ status: code, id, text, details: [...details] });
      return;
    }
    throw new Error(`"${name}" was accepted`);
  });
  expect(refusals).toHaveLength(3);
  expect(new Set(refusals.map((refusal) => JSON.stringify(refusal))).size).toBe(1);
  return refusals[0]!;
}

function frameRefusal({ name, bytes, frameBytesMax }: FrameVector, byteByByte: boolean): string {
  const decoder = new FrameDecoder(frameBytesMax);
  const received = fromHex(bytes);
  try {
    for (const chunk of byteByByte ? Array.from(received, (byte) => Buffer.from([byte])) : [received]) {
      decoder.push(chunk);
      while (decoder.next()) {
        // Frames before the bad one are what they are.
      }
    }
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedError);
    return (error as MalformedError).message;
  }
  throw new Error(`"${name}" was accepted`);
}

function load<T>(name: string): T[] {
  return JSON.parse(readFileSync(join(directory, `${name}.json`), "utf8"));
}

function save(name: string, vectors: unknown[]): void {
  const file = join(directory, `${name}.json`);
  writeFileSync(file, `${JSON.stringify(vectors, null, 2)}\n`);
  Bun.spawnSync([process.execPath, "fmt", file]);
}
