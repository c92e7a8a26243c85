import type { Socket } from "bun";
import { frameBytesMax, helloDeadlineMs } from "../../src/lib/limits.ts";
import { FrameDecoder } from "../../src/protocol/frame-decoder.ts";
import { connectionId } from "../../src/protocol/opcodes.ts";
import { decodeError, readHead, ResponseHead } from "../../src/protocol/response-decoder.ts";
import { status } from "../../src/protocol/status.ts";
import { OwedAnswers } from "./owed-answers.ts";
import type { SentEntries } from "./sent-entries.ts";
import type { VisitPlan } from "./visit-plan.ts";

/** What the visits of a crowd share. */
export interface VisitHost {
  readonly port: number;
  readonly sent: SentEntries;
  /** A right answer came. */
  answered(statusCode: number): void;
  ended(visit: Visit): void;
}

/**
 * One connection of the crowd: sends what its plan says, in the plan's way, and holds every byte that comes
 * back against the forecast. The server owes each answer once, and nothing else; and it closes the connection
 * when the forecast says so, having answered everything, and never before.
 */
export class Visit {
  readonly name: string;
  readonly plan: VisitPlan;
  /** What the server did wrong. */
  violation: string | undefined;
  bytesSent = 0;
  /** Right answers that came. */
  answers = 0;
  readonly #host: VisitHost;
  readonly #owed: OwedAnswers;
  readonly #decoder = new FrameDecoder(frameBytesMax);
  readonly #head = new ResponseHead();
  readonly #startedMs = performance.now();
  #socket: Socket<Visit> | undefined;
  #nextPiece = 0;
  #hasSaidAll = false;
  #isEvicted = false;
  #isOver = false;

  constructor(name: string, plan: VisitPlan, host: VisitHost) {
    this.name = name;
    this.plan = plan;
    this.#host = host;
    this.#owed = new OwedAnswers(plan.forecast.answers, host.sent);
    for (const payload of plan.forecast.writes) host.sent.add(payload);
  }

  start(): void {
    const { port } = this.#host;
    Bun.connect<Visit>({ hostname: "127.0.0.1", port, data: this, socket: handlers }).catch((error) => {
      this.end(`it could not connect: ${error}`);
    });
  }

  get ageMs(): number {
    return performance.now() - this.#startedMs;
  }

  /** The visit is over: as it should be, or with a violation. */
  end(violation?: string): void {
    if (this.#isOver) return;
    this.violation = violation;
    this.stop();
    this.#host.ended(this);
  }

  /** Ends it without a word to the host. */
  stop(): void {
    this.#isOver = true;
    this.#socket?.terminate();
  }

  // --- What the socket tells -------------------------------------------------------------------------------

  opened(socket: Socket<Visit>): void {
    this.#socket = socket;
    if (this.#isOver) {
      socket.terminate();
      return;
    }
    const { deafMs } = this.plan;
    if (deafMs > 0) {
      socket.pause();
      setTimeout(() => this.#listen(), deafMs);
    }
    this.send();
  }

  /** Sends the next piece, and has itself called for the one behind it. */
  send(): void {
    if (this.#isOver || this.#hasSaidAll) return;
    const { bytes, pieces, pieceDelayMs } = this.plan;
    if (this.bytesSent < bytes.length) {
      const length = Math.min(bytes.length - this.bytesSent, pieces[this.#nextPiece % pieces.length]!);
      const taken = this.#socket!.write(bytes, this.bytesSent, length);
      if (taken > 0) this.bytesSent += taken;
      // It is full, and drains; or it is closed, and says so.
      if (taken < length) return;
      this.#nextPiece++;
    }
    if (this.bytesSent === bytes.length) this.#sayAll();
    else if (pieceDelayMs > 0) setTimeout(() => this.send(), pieceDelayMs);
    else setImmediate(() => this.send());
  }

  receive(chunk: Buffer): void {
    if (this.#isOver) return;
    const decoder = this.#decoder;
    try {
      decoder.push(chunk);
      while (decoder.next()) {
        readHead(decoder.bytes, decoder.start, decoder.end, this.#head);
        this.#take(decoder.bytes, this.#head);
      }
    } catch (error) {
      this.end(error instanceof Error ? error.message : String(error));
    }
  }

  closed(): void {
    const { forecast, role } = this.plan;
    const { endsConnection } = forecast;
    if (this.#decoder.bufferedBytes > 0) this.end("the server closed in the middle of an answer");
    else if (this.#isEvicted) this.end();
    else if (!endsConnection && !this.#hasSaidAll) this.end("the server closed, and had no reason to");
    else if (!endsConnection && role === "silent") this.end("the server closed, and did not say why");
    else if (this.#owed.count > 0) {
      const owed = `${this.#owed.count} of ${forecast.answers.length} answers`;
      this.end(`the server closed and owed ${owed}, one of them ${this.#owed.describe()}`);
    } else this.end();
  }

  // --- What it does about it -------------------------------------------------------------------------------

  #sayAll(): void {
    const { deafMs, ending } = this.plan;
    this.#hasSaidAll = true;
    if (ending === "shutdown") this.#socket!.shutdown();
    else if (ending === "cut" && deafMs === 0) this.end();
  }

  /** The end of being deaf: it reads from here on, or has heard enough. */
  #listen(): void {
    if (this.plan.ending === "cut") this.end();
    else if (!this.#isOver) this.#socket!.resume();
  }

  #take(bytes: Buffer, head: ResponseHead): void {
    const { correlationId: id } = head;
    if (!this.#owed.take(bytes, head)) {
      this.#isEvicted =
        id === connectionId && head.status === status.LIMIT_EXCEEDED && this.#hasMissedDeadline;
      if (!this.#isEvicted) {
        const said = head.status === status.OK ? "OK" : decodeError(bytes, head).code;
        throw new Error(`the server answered ${said} to ${id}, and owed ${this.#owed.describe(id)}`);
      }
    }
    this.answers++;
    this.#host.answered(head.status);
  }

  /** Deadlines are noticed late, never early; clocks of two processes may differ by a little. */
  get #hasMissedDeadline(): boolean {
    return this.ageMs > helloDeadlineMs - 500;
  }
}

const handlers = {
  open: (socket: Socket<Visit>) => socket.data.opened(socket),
  data: (socket: Socket<Visit>, chunk: Buffer) => socket.data.receive(chunk),
  drain: (socket: Socket<Visit>) => socket.data.send(),
  close: (socket: Socket<Visit>) => socket.data.closed(),
  error: (socket: Socket<Visit>, error: Error) => socket.data.end(`its socket failed: ${error.message}`),
};
