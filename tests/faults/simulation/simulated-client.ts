import { Buffer } from "node:buffer";
import { ByteWriter } from "../../../src/lib/byte-writer.ts";
import { FrameDecoder } from "../../../src/protocol/frame-decoder.ts";
import { connectionId } from "../../../src/protocol/opcodes.ts";
import { encodeHello } from "../../../src/protocol/request-encoder.ts";
import { helloOf, toResponse, type TestResponse } from "../../server/harness.ts";
import type { Dice } from "./dice.ts";
import type { Ledger } from "./ledger.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Peer, SimulatedConnection } from "./simulated-connection.ts";
import type { Feature } from "./simulation-options.ts";
import { checkRefusal, type Sent } from "./sent.ts";
import type { Workload } from "./workload.ts";

/** What a client asks of the world around it. */
export interface ClientWorld {
  readonly scheduler: Scheduler;
  readonly ledger: Ledger;
  readonly workload: Workload;
  has(feature: Feature): boolean;
  /** A number that no request had. */
  nextId(): number;
  /** Undefined: nobody listens. */
  connect(peer: Peer): SimulatedConnection | undefined;
}

/**
 * A client that speaks the protocol over a simulated connection: it sends requests in bursts, without waiting for
 * answers, reads them or leaves them for a while, loses its connection now and then and makes another. Each request
 * gets one answer, or its connection ends.
 */
export class SimulatedClient implements Peer {
  /** Requests that it may still begin. */
  left: number;
  answered = 0;
  readonly #world: ClientWorld;
  readonly #dice: Dice;
  readonly #pending = new Map<number, Sent>();
  #connection: SimulatedConnection | undefined;
  #frames = new FrameDecoder(0xffff_ffff);
  /** Sends nothing more on this connection. */
  #isLeaving = false;

  constructor(world: ClientWorld, dice: Dice, requests: number) {
    this.#world = world;
    this.#dice = dice;
    this.left = requests;
    this.#actLater();
  }

  get isDone(): boolean {
    return this.left === 0 && this.#pending.size === 0;
  }

  get waiting(): string {
    return [...this.#pending].map(([id, { what }]) => `${id} ${what}`).join(", ");
  }

  // --- What the connection tells ---------------------------------------------------------------------------

  received(bytes: Buffer): void {
    const frames = this.#frames;
    frames.push(bytes);
    while (frames.next())
      this.#answer(toResponse(Buffer.from(frames.bytes.subarray(frames.start, frames.end))));
  }

  ended(): void {
    this.#connection?.endSending();
    this.#isLeaving = true;
  }

  lost(): void {
    this.#connection = undefined;
    // Nobody can know what became of them.
    this.#pending.clear();
  }

  // --- What it does ----------------------------------------------------------------------------------------

  #actLater(): void {
    const pauseUs = this.#dice.skewed(20, this.#dice.oneIn(6) ? 200_000 : 2_000);
    this.#world.scheduler.add(clients, "client", pauseUs, () => {
      if (this.left === 0) return;
      this.#act();
      this.#actLater();
    });
  }

  #act(): void {
    if (this.#connection === undefined) return this.#connect();
    if (this.#isLeaving) return;
    if (this.#world.has("deaf peers") && this.#dice.oneIn(12)) {
      this.#connection.listen(true);
      const deafUs = this.#dice.skewed(1_000, 2_000_000);
      const connection = this.#connection;
      this.#world.scheduler.add(clients, "client listens", deafUs, () => connection.listen(false));
    }
    if (this.#world.has("disconnects") && this.#dice.oneIn(25)) return this.#leave();
    if (this.#pending.size > 40) return;
    this.#send(this.#dice.skewed(1, 12));
  }

  #connect(): void {
    this.#frames = new FrameDecoder(0xffff_ffff);
    this.#isLeaving = false;
    this.#connection = this.#world.connect(this);
    if (this.#connection === undefined) return;
    const writer = new ByteWriter(256);
    const id = this.#world.nextId();
    encodeHello(writer, id, { clientName: "simulated" });
    this.#pending.set(id, {
      what: "hello",
      answered: (response) => void helloOf(response),
      life: this.#world.ledger.life,
    });
    this.#connection.send(Buffer.from(writer.bytes.subarray(0, writer.length)));
  }

  #leave(): void {
    if (this.#dice.oneIn(2)) {
      this.#isLeaving = true;
      this.#connection!.endSending();
    } else {
      this.#connection!.drop();
      this.lost();
    }
  }

  /** One burst, in one piece as far as the client is concerned. */
  #send(count: number): void {
    const { workload, ledger, scheduler } = this.#world;
    const writer = new ByteWriter(1024);
    for (let index = 0; index < count && this.left > 0; index++) {
      this.left--;
      const id = this.#world.nextId();
      const sent = workload.draw(writer, id, this.#dice);
      this.#pending.set(id, sent);
      scheduler.trace.note("asks", id, sent.what, ledger.knownSeq);
    }
    this.#connection!.send(Buffer.from(writer.bytes.subarray(0, writer.length)));
  }

  #answer(response: TestResponse): void {
    const { ledger, scheduler } = this.#world;
    const { id, error } = response;
    scheduler.trace.note("answered", id, response.status, response.frame.length);
    if (id === connectionId) {
      if (!connectionErrors.includes(error?.code ?? "OK"))
        ledger.violate(`the connection was told ${error?.code}: ${error?.message}`);
      return;
    }
    const sent = this.#pending.get(id);
    if (sent === undefined) return ledger.violate(`an answer came that nobody waits for: ${id}`);
    this.#pending.delete(id);
    this.answered++;
    try {
      if (error === undefined) sent.answered(response);
      else checkRefusal(ledger, id, sent, error);
    } catch (failure) {
      ledger.violate(`the answer to request ${id}, ${sent.what}, can't be read: ${String(failure)}`);
    }
  }
}

/** Owns what clients are about to do. */
export const clients = {};

/** What a server may say of a connection as a whole to a peer that sends nothing but sound requests. */
const connectionErrors = ["LIMIT_EXCEEDED", "OVERLOADED", "SHUTTING_DOWN", "STORAGE_FAULT"];
