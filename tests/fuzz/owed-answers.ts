import { opcode, type Opcode } from "../../src/protocol/opcodes.ts";
import {
  decodeEntry,
  decodeError,
  decodeHelloReply,
  decodePong,
  decodeStats,
  decodeWritten,
  PageCursor,
  type ResponseHead,
} from "../../src/protocol/response-decoder.ts";
import { status, statusName } from "../../src/protocol/status.ts";
import type { Answer } from "./forecast.ts";
import { isHonest, type SentEntries } from "./sent-entries.ts";

/**
 * The answers that a server owes to one connection, in whatever order they come. Each is owed once, and its
 * whole body must be right: entries that it holds must have been sent by somebody, just so.
 */
export class OwedAnswers {
  count: number;
  readonly #byId = new Map<number, Owed>();
  readonly #sent: SentEntries;

  constructor(answers: readonly Answer[], sent: SentEntries) {
    this.count = answers.length;
    this.#sent = sent;
    for (const answer of answers) this.#add(answer);
  }

  /** Whether this answer was owed; then it no longer is. */
  take(bytes: Buffer, head: ResponseHead): boolean {
    const owed = this.#byId.get(head.correlationId);
    const index = owed?.answers.findIndex((answer) => this.#fits(answer, owed.keys, bytes, head)) ?? -1;
    if (index < 0) return false;
    owed!.answers.splice(index, 1);
    this.count--;
    return true;
  }

  /** One of the answers that are owed, in words: of this id, if there is one. */
  describe(id?: number): string {
    const all = id === undefined ? [...this.#byId.values()] : [this.#byId.get(id)];
    const answer = all.find((owed) => owed !== undefined && owed.answers.length > 0)?.answers[0];
    if (answer === undefined) return "nothing";
    if (answer.refusal !== undefined) return `${statusName(answer.refusal)} to ${answer.id}`;
    const name = Object.entries(opcode).find(([, code]) => code === answer.opcode)?.[0];
    return `the result of ${name} to ${answer.id}`;
  }

  /**
   * Ids may repeat, and then any of an id's answers may be meant. So those that fit less are looked at first,
   * and what fits more is left for others: a write without a condition can't meet a conflict.
   */
  #add(answer: Answer): void {
    const owed = this.#byId.get(answer.id) ?? { answers: [], keys: [] };
    this.#byId.set(answer.id, owed);
    if (answer.isConditional) owed.answers.push(answer);
    else owed.answers.unshift(answer);
    if (answer.key !== undefined) owed.keys.push(answer.key);
  }

  #fits(answer: Answer, keys: readonly Buffer[], bytes: Buffer, head: ResponseHead): boolean {
    try {
      if (head.status === status.OK) {
        return answer.refusal === undefined && this.#isResultOf(answer.opcode, keys, bytes, head);
      }
      if (decodeError(bytes, head).outcome !== "not-applied") return false;
      const mayConflict = answer.refusal === undefined && answer.isConditional;
      return head.status === answer.refusal || (head.status === status.CONFLICT && mayConflict);
    } catch {
      // The body is another one's, or nobody's: then nothing that is owed fits it.
      return false;
    }
  }

  #isResultOf(kind: Opcode, keys: readonly Buffer[], bytes: Buffer, head: ResponseHead): boolean {
    switch (kind) {
      case opcode.hello:
        decodeHelloReply(bytes, head);
        return true;
      case opcode.ping:
        decodePong(bytes, head);
        return true;
      case opcode.stats:
        decodeStats(bytes, head);
        return true;
      case opcode.get: {
        decodeEntry(bytes, head, entry);
        const value = bytes.subarray(entry.valueStart, entry.valueEnd);
        return entry.version === 0 || keys.some((key) => this.#sent.has(key, value));
      }
      case opcode.getMany:
        page.decode(bytes, head, "getMany");
        return page.entryCount > 0;
      case opcode.scan:
        page.decode(bytes, head, "scan");
        return this.#hasSentEntries();
      default:
        return decodeWritten(bytes, head) > 0;
    }
  }

  #hasSentEntries(): boolean {
    const { bytes } = page;
    while (page.next()) {
      const key = bytes.subarray(page.keyStart, page.keyEnd);
      if (isHonest(key)) continue;
      if (!this.#sent.has(key, bytes.subarray(page.valueStart, page.valueEnd))) return false;
    }
    return true;
  }
}

interface Owed {
  readonly answers: Answer[];
  /**
   * The keys of all gets of this id, those that are answered too: nobody can tell which of them an answer is
   * about.
   */
  readonly keys: Buffer[];
}

const page = new PageCursor();
const entry = { version: 0, valueStart: 0, valueEnd: 0 };
