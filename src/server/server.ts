import manifest from "../../package.json" with { type: "json" };
import type { Store, SyncMode } from "../engine/store.ts";
import { ByteWriter } from "../lib/byte-writer.ts";
import type { Clock } from "../lib/clock.ts";
import { HoldfastError } from "../lib/errors.ts";
import { randomBytes, type Random } from "../lib/random.ts";
import type { HelloInfo } from "../protocol/hello.ts";
import { connectionId } from "../protocol/opcodes.ts";
import { RequestDecoder } from "../protocol/request.ts";
import { encodeError } from "../protocol/response-encoder.ts";
import { outcome, status } from "../protocol/status.ts";
import { Connections } from "./connections.ts";
import { Farewells } from "./farewells.ts";
import { shuttingDown } from "./intake.ts";
import { formatAddress } from "./listen-address.ts";
import type { Listener } from "./listener.ts";
import type { Logger } from "./logger.ts";
import { announcedLimits, type ServerLimits } from "./server-limits.ts";
import { Session, type SessionHost } from "./session.ts";
import { Statistics } from "./statistics.ts";
import type { Wire } from "./wire.ts";
import { TurnEnd } from "./turn-end.ts";
import { Turns } from "./turns.ts";
import { WriterPool } from "./writer-pool.ts";

/** A server that runs, as its owner sees it. */
export interface Server extends AsyncDisposable {
  readonly hostname: string;
  /** The real port, also when the kernel chose it. */
  readonly port: number;
  /** What a client connects to. */
  readonly url: string;
  readonly syncMode: SyncMode;
  /** Resolves when everything is closed, for whatever reason. */
  readonly closed: Promise<void>;
  /**
   * Resolves with the reason when the store failed, after everybody was told and everything is closed. Whatever the
   * process does then, it must not open the store again: what is on the disk is for a new process to find out.
   */
  readonly fault: Promise<HoldfastError>;
  /** What the stats request answers as well. */
  stats(): Record<string, unknown>;
  /**
   * Accepts nothing more, answers what was begun, and closes the store. Peers have drainDeadlineMs for it; how long
   * the store's last sync takes is the disk's affair, and giving up on it would call a store closed that isn't.
   */
  close(): Promise<void>;
}

export interface ServerParts {
  readonly store: Store;
  /** Opens the port, or whatever connections come through. */
  readonly listen: (accept: (wire: Wire) => Session | undefined) => Listener;
  readonly limits: ServerLimits;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  /** For tests, which say themselves when a turn is over. */
  readonly turnEnd?: TurnEnd;
}

/** A store on a port. It ends drained, when its owner closes it, or failed, when the store does. */
export class RunningServer implements Server, SessionHost {
  readonly hostname: string;
  readonly port: number;
  readonly store: Store;
  readonly clock: Clock;
  readonly limits: ServerLimits;
  readonly hello: HelloInfo;
  readonly request: RequestDecoder;
  readonly pool = new WriterPool();
  readonly turnEnd: TurnEnd;
  readonly turns: Turns;
  readonly statistics = new Statistics();
  isDraining = false;

  readonly #logger: Logger;
  readonly #listener: Listener;
  readonly #connections: Connections;
  readonly #farewells: Farewells;
  readonly #startedMs: number;
  readonly #closed = Promise.withResolvers<void>();
  readonly #faulted = Promise.withResolvers<HoldfastError>();
  #closing: Promise<void> | undefined;
  #fault: HoldfastError | undefined;
  /** After a fault. */
  #ending: Promise<void> | undefined;
  #storeClosing: Promise<void> | undefined;
  #evictionsUnlogged = 0;
  #lastEviction = "";

  constructor({ store, listen, limits, logger, clock, random, turnEnd }: ServerParts) {
    this.store = store;
    this.clock = clock;
    this.turnEnd = turnEnd ?? new TurnEnd(clock);
    this.turns = new Turns(clock, this.turnEnd, limits.greedyWriteBytesPerSecondMax);
    this.limits = limits;
    this.request = new RequestDecoder(limits);
    this.hello = {
      server: `holdfast ${manifest.version}`,
      storeId: store.storeId,
      syncMode: store.syncMode,
      bootId: randomBytes(random, 16),
      limits: announcedLimits(limits),
    };
    this.#logger = logger;
    this.#startedMs = clock.monotonicMs();
    this.#connections = new Connections(clock, this.statistics, () => this.#logEvictions());
    this.#farewells = new Farewells(clock, limits.evictionsPerSecond, Math.ceil(limits.connectionsMax / 4));
    this.#listener = listen((wire) => this.#accept(wire));
    this.hostname = this.#listener.hostname;
    this.port = this.#listener.port;
    store.onFault((fault) => this.#fail(fault));
  }

  get url(): string {
    return `holdfast://${formatAddress(this.hostname, this.port)}`;
  }

  get syncMode(): SyncMode {
    return this.store.syncMode;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  get fault(): Promise<HoldfastError> {
    return this.#faulted.promise;
  }

  stats(): Record<string, unknown> {
    return {
      server: this.hello.server,
      syncMode: this.syncMode,
      uptimeMs: Math.round(this.clock.monotonicMs() - this.#startedMs),
      connections: this.#connections.count,
      inFlight: this.#connections.inFlight(),
      ...this.statistics.toMap(),
      store: this.store.stats(),
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#drain();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // --- What sessions tell ----------------------------------------------------------------------------------

  /**
   * One answer may be larger than what a peer may leave unread, and a frame takes memory before it is whole; so the
   * totals are bounded by sending those away who hold much.
   */
  relieve(): void {
    while (this.statistics.inputBytes > this.limits.inputBytesTotalMax) {
      const heaviest = this.#connections.heaviest();
      if (heaviest === undefined) break;
      const state = `${heaviest.incoming.bytesCounted} bytes of it wait, for longer than others, and there is no room for more`;
      heaviest.evict(new HoldfastError("OVERLOADED", `Cannot keep the connection: ${state}`));
    }
    while (this.statistics.outputBytes > this.limits.outputBytesTotalMax) {
      const greediest = this.#connections.greediest();
      if (greediest === undefined) return;
      const state = `it left ${greediest.outgoing.outputBytes} bytes unread, the most of all, and there is no room for more`;
      greediest.evict(new HoldfastError("OVERLOADED", `Cannot keep the connection: ${state}`));
    }
  }

  sendAway(session: Session, error: HoldfastError): boolean {
    if (this.isDraining) return false;
    this.statistics.connectionsEvicted++;
    this.#evictionsUnlogged++;
    this.#lastEviction = `${session.incoming.clientName || "a peer without a name"}: ${error.message}`;
    return this.#farewells.detains(session);
  }

  sessionClosed(session: Session): void {
    this.#farewells.forget(session);
    this.turns.forget(session);
    this.#connections.delete(session);
  }

  /** A bug. What was acknowledged is durable; what comes now could not be trusted. */
  failed(cause: unknown): void {
    const state = cause instanceof Error ? cause.message : String(cause);
    this.#fail(new HoldfastError("INTERNAL", `Cannot go on: ${state}`, { cause }));
  }

  // --- Beginning and end -----------------------------------------------------------------------------------

  #accept(wire: Wire): Session | undefined {
    if (this.isDraining) {
      wire.end();
      return undefined;
    }
    if (this.#connections.count >= this.limits.connectionsMax) {
      this.statistics.connectionsRefused++;
      turnAway(wire, this.limits.connectionsMax);
      return undefined;
    }
    this.statistics.connectionsAccepted++;
    const session = new Session(wire, this);
    this.#connections.add(session);
    return session;
  }

  async #drain(): Promise<void> {
    this.isDraining = true;
    this.#listener.stop();
    this.#farewells.end();
    const notice = shuttingDown();
    for (const session of this.#connections) {
      if (session.isGreeting) session.finish(notice);
      else session.notify(notice);
    }
    await this.#connections.empty(this.limits.drainGraceMs);
    for (const session of this.#connections) session.finish();
    await this.#connections.empty(this.limits.drainDeadlineMs);
    for (const session of this.#connections) session.terminate();
    await this.#connections.empty(this.limits.drainGraceMs);
    try {
      await this.#closeStore();
    } finally {
      await this.#ending;
      this.#closed.resolve();
    }
  }

  #fail(fault: HoldfastError): void {
    if (this.#fault !== undefined) return;
    this.#fault = fault;
    this.#logger.error("the server cannot go on; nothing more is acknowledged", {
      code: fault.code,
      reason: fault.message,
    });
    this.#ending = this.#end(fault);
    this.#closing ??= this.#ending;
  }

  async #end(fault: HoldfastError): Promise<void> {
    this.isDraining = true;
    this.#listener.stop();
    this.#farewells.end();
    for (const session of this.#connections) session.storeFailed(fault);
    await this.#connections.empty(this.limits.faultDeadlineMs);
    for (const session of this.#connections) session.terminate();
    // A failed disk may hang as well, and the process has to go.
    const deadline = Promise.withResolvers<void>();
    const timer = this.clock.schedule(this.limits.faultDeadlineMs, deadline.resolve);
    try {
      await Promise.race([this.#closeStore(), deadline.promise]);
    } catch (error) {
      this.#logger.warn("the failed store did not close in order", { reason: String(error) });
    }
    timer.cancel();
    this.#closed.resolve();
    this.#faulted.resolve(fault);
  }

  #closeStore(): Promise<void> {
    this.#storeClosing ??= this.store.close();
    return this.#storeClosing;
  }

  /** One line a second at the most, whatever peers do. */
  #logEvictions(): void {
    if (this.#evictionsUnlogged === 0) return;
    this.#logger.warn("peers were sent away", { count: this.#evictionsUnlogged, last: this.#lastEviction });
    this.#evictionsUnlogged = 0;
  }
}

function turnAway(wire: Wire, connectionsMax: number): void {
  const writer = new ByteWriter(256);
  const message = `Cannot accept the connection: ${connectionsMax} are open already; connect again later`;
  encodeError(writer, connectionId, status.OVERLOADED, message, outcome.notApplied, [connectionsMax]);
  wire.write(writer.bytes, 0, writer.length);
  wire.end();
}
