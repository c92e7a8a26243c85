import type { Buffer } from "node:buffer";
import type { Clock, Timer } from "../src/lib/clock.ts";
import type { HoldfastError } from "../src/lib/errors.ts";
import { clientLingerMsMax, connectAttemptMsMax, reconnectDelayMsFirst } from "../src/lib/limits.ts";
import { randomBelow, type Random } from "../src/lib/random.ts";
import type { HelloInfo } from "../src/protocol/hello.ts";
import type { ResponseHead } from "../src/protocol/response-decoder.ts";
import { status } from "../src/protocol/status.ts";
import { ConnectionMachine, type ConnectionOwner } from "./connection-machine.ts";
import { ConnectionError, ProtocolError, ServerError } from "./errors.ts";
import { KeepAlive } from "./keep-alive.ts";
import type { ConnectionState } from "./options.ts";
import type { Pipeline } from "./pipeline.ts";
import type { Settings } from "./settings.ts";
import type { OpenTransport } from "./transport.ts";

/** What a client needs of the world. */
export interface Runtime {
  readonly clock: Clock;
  readonly random: Random;
  readonly openTransport: OpenTransport;
}

/** Whom the link tells what happens to it. */
export interface LinkListener {
  linkChanged(state: ConnectionState, cause: Error | undefined): void;
  /** A server answered the hello: this one's properties hold from now on. */
  linkGreeted(info: HelloInfo): void;
  /** The server was reached, and will not have this client: trying again is no use until something changes. */
  linkRefused(error: HoldfastError): void;
}

/**
 * Keeps one connection to the server: makes it, watches it, and makes the next one when it is lost, for ever, until
 * it is stopped. There is one attempt at a time, and between two a pause that is random (full jitter), so that the
 * clients of a server that comes back do not come back all at once.
 */
export class Link implements ConnectionOwner {
  state: ConnectionState = "connecting";

  readonly #settings: Settings;
  readonly #runtime: Runtime;
  readonly #pipeline: Pipeline;
  readonly #listener: LinkListener;
  #connection: ConnectionMachine | undefined;
  #keepAlive: KeepAlive | undefined;
  /** The end of the attempt, or the end of the pause before it: there is never both. */
  #timer: Timer | undefined;
  #failures = 0;

  constructor(settings: Settings, runtime: Runtime, pipeline: Pipeline, listener: LinkListener) {
    this.#settings = settings;
    this.#runtime = runtime;
    this.#pipeline = pipeline;
    this.#listener = listener;
  }

  start(): void {
    this.#attempt();
  }

  /** Calls are still answered, and the connection is kept for them. */
  closing(): void {
    this.#change("closing", undefined);
  }

  stop(cause?: Error): void {
    this.#timer?.cancel();
    this.#keepAlive?.stop();
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection !== undefined) {
      connection.end();
      // A server that does not close its side in turn must not hold the socket for ever.
      this.#runtime.clock.schedule(clientLingerMsMax, () => connection.destroy());
    }
    this.#change("closed", cause);
  }

  /** A call was not answered in time: if the server is gone, it is better known now. */
  suspect(): void {
    this.#keepAlive?.ask();
  }

  connectionReady(connection: ConnectionMachine, info: HelloInfo): void {
    const { keepAliveMs, keepAliveTimeoutMs } = this.#settings;
    this.#timer?.cancel();
    // A server closes connections that are idle for longer than it announced.
    const silenceMsMax = Math.min(keepAliveMs, info.limits.idleDeadlineMs / 2);
    this.#keepAlive = new KeepAlive(this.#runtime.clock, connection, silenceMsMax, keepAliveTimeoutMs);
    this.#listener.linkGreeted(info);
    this.#change("ready", undefined);
    this.#pipeline.attach(connection, info.limits);
  }

  connectionAnswered(bytes: Buffer, head: ResponseHead): void {
    this.#pipeline.answered(bytes, head);
  }

  connectionHasRoom(): void {
    this.#pipeline.flush();
  }

  connectionEnded(connection: ConnectionMachine, error: HoldfastError): void {
    this.#timer?.cancel();
    this.#keepAlive?.stop();
    this.#keepAlive = undefined;
    this.#connection = undefined;
    // A connection that only greeted before it ended is no success: pauses go on growing.
    this.#failures = connection.hasAnswered ? 0 : this.#failures + 1;
    this.#pipeline.detach(error);
    this.#change("reconnecting", error);
    if (!connection.wasReady && isRefusal(error)) this.#listener.linkRefused(error);
    if (this.state !== "closed") this.#pause();
  }

  #attempt(): void {
    const { address, clientName } = this.#settings;
    const { clock, openTransport } = this.#runtime;
    const connection = new ConnectionMachine({ credentials: address.credentials, clientName }, this);
    this.#connection = connection;
    const timedOut = new ConnectionError(
      `Cannot talk to the server: it did not answer within ${connectAttemptMsMax} ms`,
    );
    this.#timer = clock.schedule(connectAttemptMsMax, () => connection.fail(timedOut), true);
    try {
      connection.attach(openTransport(address.hostname, address.port, connection));
    } catch (error) {
      connection.closed(error as Error);
    }
  }

  #pause(): void {
    const { clock, random } = this.#runtime;
    // After a thousand failures the power is Infinity, of which the minimum makes the bound as well.
    const delayMsMax = Math.min(
      this.#settings.reconnectDelayMsMax,
      reconnectDelayMsFirst * 2 ** this.#failures,
    );
    this.#timer = clock.schedule(randomBelow(random, delayMsMax + 1), () => this.#attempt(), true);
  }

  /** `closing` lasts until `closed`, whatever the connection does meanwhile. And the first connection is not a second one. */
  #change(state: ConnectionState, cause: Error | undefined): void {
    if (this.state === state || this.state === "closed") return;
    if (this.state === "closing" && state !== "closed") return;
    if (this.state === "connecting" && state === "reconnecting") return;
    this.state = state;
    this.#listener.linkChanged(state, cause);
  }
}

/** Answers to a hello that another attempt would get again. */
function isRefusal(error: HoldfastError): boolean {
  if (error instanceof ProtocolError) return true;
  return error instanceof ServerError && refusals.has(error.status);
}

const refusals = new Set<number>([
  status.MALFORMED,
  status.UNSUPPORTED,
  status.INVALID_ARGUMENT,
  status.UNAUTHENTICATED,
  status.HELLO_REQUIRED,
  status.VERSION_UNSUPPORTED,
]);
