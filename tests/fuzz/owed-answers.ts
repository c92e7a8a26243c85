import { snapshotLeaseMsMax } from "../../src/lib/limits.ts";
import { newestState, opcode } from "../../src/protocol/opcodes.ts";
import {
  decodeCheckpointed,
  decodeDone,
  decodeEntry,
  decodeError,
  decodeHelloReply,
  decodePong,
  decodeSnapshot,
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
 *
 * Ids may repeat, and then a response may be any of an id's answers that it fits: a write without a condition
 * looks like one whose condition held, and who is told that there is no room for a snapshot may have asked for one
 * in two ways. So each response is taken for one that it fits and that is still free, and where there is none, those
 * before it are moved to others that they fit as well. Only if that can't be done was the response not owed.
 */
export class OwedAnswers {
  count: number;
  readonly #byId = new Map<number, Owed>();
  readonly #sent: SentEntries;

  constructor(answers: readonly Answer[], sent: SentEntries) {
    this.count = answers.length;
    this.#sent = sent;
    for (const answer of answers) {
      const owed = this.#byId.get(answer.id) ?? { answers: [], takenBy: [], fits: [] };
      this.#byId.set(answer.id, owed);
      owed.answers.push(answer);
    }
  }

  /** Whether this answer was owed; then it no longer is. */
  take(bytes: Buffer, head: ResponseHead): boolean {
    const owed = this.#byId.get(head.correlationId);
    if (owed === undefined) return false;
    const fitting = [...owed.answers.keys()].filter((index) => this.#fits(owed.answers[index]!, bytes, head));
    owed.fits.push(fitting);
    if (!assign(owed, owed.fits.length - 1, new Set())) {
      owed.fits.pop();
      return false;
    }
    this.count--;
    return true;
  }

  /** One of the answers that are owed, in words: of this id, if there is one. */
  describe(id?: number): string {
    const all = id === undefined ? [...this.#byId.values()] : [this.#byId.get(id)];
    const answer = all.flatMap((owed) => (owed === undefined ? [] : freeOf(owed)))[0];
    if (answer === undefined) return "nothing";
    if (answer.refusal !== undefined) return `${statusName(answer.refusal)} to ${answer.id}`;
    const name = Object.entries(opcode).find(([, code]) => code === answer.opcode)?.[0];
    return `the result of ${name} to ${answer.id}`;
  }

  #fits(answer: Answer, bytes: Buffer, head: ResponseHead): boolean {
    try {
      if (head.status === status.OK) {
        return answer.refusal === undefined && this.#isResultOf(answer, bytes, head);
      }
      if (decodeError(bytes, head).outcome !== "not-applied") return false;
      if (head.status === status.CONFLICT) return answer.isConditional;
      if (head.status === status.OVERLOADED) return answer.opensSnapshot;
      return head.status === answer.refusal;
    } catch {
      // The body is another one's, or nobody's: then nothing that is owed fits it.
      return false;
    }
  }

  #isResultOf(answer: Answer, bytes: Buffer, head: ResponseHead): boolean {
    switch (answer.opcode) {
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
        return entry.version === 0 || this.#sent.has(answer.key!, value);
      }
      case opcode.getMany:
        page.decode(bytes, head, "getMany");
        return page.entryCount > 0;
      case opcode.scan:
        page.decode(bytes, head, "scan");
        if (page.snapshotId !== newestState && !answer.opensSnapshot) return false;
        return this.#hasSentEntries(answer.isKeysOnly);
      case opcode.openSnapshot:
        return decodeSnapshot(bytes, head).leaseMs <= snapshotLeaseMsMax;
      case opcode.closeSnapshot:
      case opcode.compact:
        decodeDone(bytes, head);
        return true;
      case opcode.checkpoint:
        return decodeCheckpointed(bytes, head) >= 0;
      default:
        return decodeWritten(bytes, head) > 0;
    }
  }

  #hasSentEntries(isKeysOnly: boolean): boolean {
    const { bytes } = page;
    while (page.next()) {
      const key = bytes.subarray(page.keyStart, page.keyEnd);
      if (isHonest(key)) continue;
      const value = bytes.subarray(page.valueStart, page.valueEnd);
      const wasSent = isKeysOnly ? value.length === 0 && this.#sent.hasKey(key) : this.#sent.has(key, value);
      if (!wasSent) return false;
    }
    return true;
  }
}

/** The answers of one id, and the responses with that id that came. */
interface Owed {
  readonly answers: Answer[];
  /** Which response each answer is taken to be; undefined: none yet. */
  readonly takenBy: (number | undefined)[];
  /** Which answers each response could be. */
  readonly fits: number[][];
}

/** Finds the response an answer, if need be by finding those before it others. */
function assign(owed: Owed, response: number, seen: Set<number>): boolean {
  for (const answer of owed.fits[response]!) {
    if (seen.has(answer)) continue;
    seen.add(answer);
    const other = owed.takenBy[answer];
    if (other !== undefined && !assign(owed, other, seen)) continue;
    owed.takenBy[answer] = response;
    return true;
  }
  return false;
}

function freeOf(owed: Owed): Answer[] {
  return owed.answers.filter((_, index) => owed.takenBy[index] === undefined);
}

const page = new PageCursor();
const entry = { version: 0, valueStart: 0, valueEnd: 0 };
