import { expect, test } from "bun:test";
import { ByteWriter } from "../../src/lib/byte-writer.ts";
import { randomBelow } from "../../src/lib/random.ts";
import {
  encodeEntry,
  encodeError,
  encodeHelloReply,
  encodeWritten,
} from "../../src/protocol/response-encoder.ts";
import { outcome as outcomes, status } from "../../src/protocol/status.ts";
import { scriptDefaults } from "../client/support/scripted-session.ts";
import { withSeed } from "../support/seeds.ts";
import { AnswerStream } from "./answer-stream.ts";
import { failed, fine, holdfastDialect, missing, redisDialect, type Dialect } from "./dialect.ts";
import { idFirst } from "./request-kinds.ts";

interface Told {
  outcome: number;
  slot: number;
  value?: string;
  message?: string;
}

const long = "a value\r\n$5\r\nwith lines in it".padEnd(3000, "x");
const redisAnswers: [answer: string, told: Told][] = [
  ["+OK\r\n", { outcome: fine, slot: -1 }],
  ["$-1\r\n", { outcome: missing, slot: -1 }],
  ["$5\r\na\r\nb+\r\n", { outcome: fine, slot: -1, value: "a\r\nb+" }],
  ["$0\r\n\r\n", { outcome: fine, slot: -1 }],
  [`$${long.length}\r\n${long}\r\n`, { outcome: fine, slot: -1, value: long }],
  [":1234\r\n", { outcome: fine, slot: -1 }],
  ["-ERR no such thing\r\n", { outcome: failed, slot: -1, message: "ERR no such thing" }],
];

const text = Buffer.from(long);
const holdfastAnswers: [answer: Buffer, told: Told][] = [
  [
    encoded((writer) => encodeHelloReply(writer, 1, { server: "here", ...scriptDefaults() })),
    { outcome: fine, slot: -1 },
  ],
  [encoded((writer) => encodeWritten(writer, idFirst + 3, 77_777)), { outcome: fine, slot: 3 }],
  [encoded((writer) => encodeEntry(writer, idFirst, 0, text, 0, 0)), { outcome: missing, slot: 0 }],
  ...[5, 200, 60_000, 3_000_000, 2 ** 40].map((version): [Buffer, Told] => [
    encoded((writer) => encodeEntry(writer, idFirst, version, text, 0, 9)),
    { outcome: fine, slot: 0, value: long.slice(0, 9) },
  ]),
  [
    encoded((writer) => encodeEntry(writer, 0xffff, 5, text, 0, 100)),
    { outcome: fine, slot: 0xffff - idFirst, value: long.slice(0, 100) },
  ],
  [
    encoded((writer) => encodeEntry(writer, idFirst + 1, 2 ** 40, text, 0, long.length)),
    { outcome: fine, slot: 1, value: long },
  ],
  [
    encoded((writer) =>
      encodeError(writer, idFirst + 9, status.OVERLOADED, "come back later", outcomes.notApplied),
    ),
    { outcome: failed, slot: 9, message: "OVERLOADED: come back later" },
  ],
];

for (const { dialect, answers } of [
  {
    dialect: redisDialect,
    answers: redisAnswers.map(([answer, told]) => [Buffer.from(answer), told] as const),
  },
  { dialect: holdfastDialect, answers: holdfastAnswers },
]) {
  test(`answers of ${dialect.name} are told apart, however they are cut`, () =>
    withSeed((random) => {
      const all = Array.from({ length: 200 }, () => answers[randomBelow(random, answers.length)]!);
      const bytes = Buffer.concat(all.map(([answer]) => answer));
      const expected = all.map(([, told]) => told);
      const cuts: Record<string, () => number> = {
        whole: () => bytes.length,
        "byte by byte": () => 1,
        small: () => 1 + randomBelow(random, 40),
        large: () => 1 + randomBelow(random, 5000),
      };
      for (const [cut, length] of Object.entries(cuts))
        expect({ cut, told: read(dialect, bytes, length) }).toEqual({ cut, told: expected });
    }));
}

/** The chunks lie in one buffer that is used again, as those of a socket do. */
function read(dialect: Dialect, bytes: Buffer, chunkLength: () => number): Told[] {
  const told: Told[] = [];
  const stream = new AnswerStream(dialect.answers());
  const { reader } = stream;
  const shared = Buffer.alloc(bytes.length);
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + chunkLength());
    bytes.copy(shared, 0, at, end);
    stream.push(shared.subarray(0, end - at));
    while (stream.next()) {
      const { outcome, slot, valueStart, valueEnd } = reader;
      const hasValue = outcome === fine && valueEnd > valueStart;
      const answer: Told = { outcome, slot };
      if (outcome === failed) answer.message = reader.message();
      if (hasValue) answer.value = stream.bytes.toString("latin1", valueStart, valueEnd);
      told.push(answer);
    }
    shared.fill(0xee);
    at = end;
  }
  return told;
}

function encoded(write: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter();
  write(writer);
  return Buffer.from(writer.bytes.subarray(0, writer.length));
}
