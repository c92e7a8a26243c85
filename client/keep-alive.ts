import type { Clock, Timer } from "../src/lib/clock.ts";
import type { ConnectionMachine } from "./connection-machine.ts";
import { ConnectionError } from "./errors.ts";

/**
 * Notices a server that is gone without a word: a machine that lost power, a cable, a firewall that forgot the
 * connection. When nothing was received for a while it is asked for a sign of life, and any byte is one.
 */
export class KeepAlive {
  readonly #clock: Clock;
  readonly #connection: ConnectionMachine;
  readonly #silenceMsMax: number;
  readonly #answerMsMax: number;
  #chunksSeen = 0;
  #isAsking = false;
  #timer: Timer;

  constructor(clock: Clock, connection: ConnectionMachine, silenceMsMax: number, answerMsMax: number) {
    this.#clock = clock;
    this.#connection = connection;
    this.#silenceMsMax = silenceMsMax;
    this.#answerMsMax = answerMsMax;
    this.#timer = this.#listen();
  }

  /** Asks now: there is a reason to doubt. */
  ask(): void {
    if (this.#isAsking) return;
    this.#timer.cancel();
    this.#isAsking = true;
    this.#chunksSeen = this.#connection.chunksReceived;
    this.#connection.ping();
    // After a pause of the whole process the sign may lie in the socket: it is read before the verdict.
    this.#timer = this.#clock.schedule(this.#answerMsMax, () => this.#clock.afterPoll(() => this.#judge()));
  }

  stop(): void {
    this.#timer.cancel();
  }

  #listen(): Timer {
    this.#isAsking = false;
    this.#chunksSeen = this.#connection.chunksReceived;
    return this.#clock.schedule(this.#silenceMsMax, () => {
      // A server that said it stops, and does not, would keep every call waiting.
      if (this.#connection.phase === "draining")
        this.#connection.fail(new ConnectionError("Cannot talk to the server: it is about to stop"));
      else if (this.#connection.chunksReceived === this.#chunksSeen) this.ask();
      else this.#timer = this.#listen();
    });
  }

  #judge(): void {
    if (this.#connection.phase === "ended") return;
    if (this.#connection.chunksReceived > this.#chunksSeen) {
      this.#timer = this.#listen();
    } else {
      this.#connection.fail(
        new ConnectionError(
          `Cannot talk to the server: it gave no sign of life for ${this.#answerMsMax} ms after it was asked`,
        ),
      );
    }
  }
}
