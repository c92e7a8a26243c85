import { fine, holdfastDialect, type AnswerReader, type Dialect } from "./dialect.ts";
import { idFirst, idOffset } from "./request-kinds.ts";

/** Sends what a set to ours is, and takes the same bytes for the answer. */
export const echoDialect: Dialect = {
  name: "bare loop",
  greeting: Buffer.alloc(0),
  template: (type, value) => holdfastDialect.template(type, value),
  answers: () => new EchoAnswers(),
};

class EchoAnswers implements AnswerReader {
  readonly outcome = fine;
  slot = -1;
  readonly valueStart = 0;
  readonly valueEnd = 0;

  read(bytes: Buffer, from: number, to: number): number {
    if (to - from < 4) return -1;
    const end = from + 4 + bytes.readUInt32BE(from);
    if (end > to) return -1;
    this.slot = bytes.readUInt16BE(from + idOffset) - idFirst;
    return end;
  }

  message(): string {
    return "";
  }
}
