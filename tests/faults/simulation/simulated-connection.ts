import { Buffer } from "node:buffer";
import type { Session } from "../../../src/server/session.ts";
import type { Wire } from "../../../src/server/wire.ts";
import type { Dice } from "./dice.ts";
import type { Scheduler, SimulatedEvent } from "./scheduler.ts";

/** What a network does to the bytes of one connection, in microseconds and bytes. */
export interface NetworkPlan {
  readonly delayUs: readonly [number, number];
  /** Of what one delivery brings. */
  readonly pieceBytesMax: number;
  /** What may lie in the socket, sent by the server and not read. */
  readonly roomBytes: number;
  /** One delivery in so many takes a thousand times as long; 0: none. */
  readonly stallOneIn: number;
}

/** The client's end. */
export interface Peer {
  received(bytes: Buffer): void;
  /** The server says nothing more, and waits for us to close. */
  ended(): void;
  /** The connection is gone. */
  lost(): void;
}

/**
 * A connection between a session and a simulated client: each way a queue of bytes, which events deliver in pieces.
 * What was sent arrives in order, late, or not at all when the connection breaks first.
 */
export class SimulatedConnection implements Wire {
  session: Session | undefined;
  /** The client reads nothing while this is true. */
  isDeaf = false;
  readonly #scheduler: Scheduler;
  readonly #server: object;
  readonly #dice: Dice;
  readonly #plan: NetworkPlan;
  readonly #peer: Peer;
  #toServer = nothing;
  #toClient = nothing;
  #deliveryToServer: SimulatedEvent | undefined;
  #deliveryToClient: SimulatedEvent | undefined;
  #isPaused = false;
  #wasRefusedRoom = false;
  #peerEnds = false;
  /** The server writes nothing more. */
  #isShutDown = false;
  /** Nothing comes from the client any more, and the session knows, or has no need to. */
  #isClosed = false;
  #isLost = false;

  /** Events of the server's machine die with `server`; those of the client's machines never do. */
  constructor(scheduler: Scheduler, server: object, dice: Dice, plan: NetworkPlan, peer: Peer) {
    this.#scheduler = scheduler;
    this.#server = server;
    this.#dice = dice;
    this.#plan = plan;
    this.#peer = peer;
  }

  // --- What the client does --------------------------------------------------------------------------------

  send(bytes: Buffer): void {
    if (this.#isClosed) return;
    this.#toServer = Buffer.concat([this.#toServer, bytes]);
    this.#deliverToServer();
  }

  /** The client sends nothing more, and still reads. */
  endSending(): void {
    this.#peerEnds = true;
    this.#deliverToServer();
  }

  /** The client's side is gone without a word: what it had sent may still arrive. */
  drop(): void {
    this.#isLost = true;
    if (this.#dice.oneIn(2)) this.#toServer = nothing;
    this.#peerEnds = true;
    this.#deliverToServer();
    this.#scheduler.add(this.#server, "connection reset", this.#delayUs() * 2, () => this.#close());
  }

  listen(isDeaf: boolean): void {
    this.isDeaf = isDeaf;
    this.#deliverToClient();
  }

  // --- What the session does -------------------------------------------------------------------------------

  write(bytes: Buffer, start: number, count: number): number {
    if (this.#isClosed || this.#isShutDown) return -1;
    const taken = Math.min(count, Math.max(0, this.#plan.roomBytes - this.#toClient.length));
    if (taken < count) this.#wasRefusedRoom = true;
    if (taken > 0) this.#toClient = Buffer.concat([this.#toClient, bytes.subarray(start, start + taken)]);
    this.#deliverToClient();
    return taken;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#deliverToServer();
  }

  shutdown(): void {
    this.#isShutDown = true;
    this.#deliverToClient();
  }

  end(): void {
    this.#isShutDown = true;
    this.#scheduler.add(this.#server, "connection closed", this.#delayUs(), () => this.#close());
    this.#deliverToClient();
  }

  terminate(): void {
    this.#toClient = nothing;
    this.#isShutDown = true;
    this.#close();
    this.#deliverToClient();
  }

  // --- What the machines do --------------------------------------------------------------------------------

  /** The server's process is gone. What it had written may still arrive, or a part of it. */
  cut(mayArrive: boolean): void {
    this.#isClosed = true;
    this.#isShutDown = true;
    this.#toServer = nothing;
    if (!mayArrive) this.#toClient = nothing;
    else this.#toClient = this.#toClient.subarray(0, this.#dice.below(this.#toClient.length + 1));
    this.#deliverToClient();
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isShutDown = true;
    this.session?.closed();
    this.#deliverToClient();
  }

  #deliverToServer(): void {
    if (this.#deliveryToServer !== undefined || this.#isPaused || this.#isClosed) return;
    if (this.#toServer.length === 0 && !this.#peerEnds) return;
    this.#deliveryToServer = this.#scheduler.add(this.#server, "to server", this.#delayUs(), () => {
      this.#deliveryToServer = undefined;
      if (this.#isClosed || this.#isPaused) return;
      const bytes = Math.min(this.#toServer.length, this.#pieceBytes());
      if (bytes > 0) {
        // A copy: the session may keep a chunk, and nobody else may change it.
        const chunk = Buffer.from(this.#toServer.subarray(0, bytes));
        this.#toServer = this.#toServer.subarray(bytes);
        this.session?.receive(chunk);
      } else if (this.#peerEnds) {
        this.#peerEnds = false;
        this.session?.ended();
        return;
      }
      this.#deliverToServer();
    });
  }

  #deliverToClient(): void {
    if (this.#deliveryToClient !== undefined || this.#isLost) return;
    if (this.isDeaf && !this.#isClosed) return;
    if (this.#toClient.length === 0 && !this.#isShutDown) return;
    // Of nobody's machine: what is on its way arrives, whoever dies meanwhile.
    this.#deliveryToClient = this.#scheduler.add(network, "to client", this.#delayUs(), () => {
      this.#deliveryToClient = undefined;
      if (this.#isLost || (this.isDeaf && !this.#isClosed)) return;
      const bytes = Math.min(this.#toClient.length, this.#pieceBytes());
      if (bytes > 0) {
        const chunk = Buffer.from(this.#toClient.subarray(0, bytes));
        this.#toClient = this.#toClient.subarray(bytes);
        this.#offerRoom();
        this.#peer.received(chunk);
        this.#deliverToClient();
      } else if (this.#isClosed) {
        this.#isLost = true;
        this.#peer.lost();
      } else if (this.#isShutDown) {
        this.#peer.ended();
      }
    });
  }

  #offerRoom(): void {
    if (!this.#wasRefusedRoom || this.#isClosed) return;
    this.#wasRefusedRoom = false;
    this.#scheduler.add(this.#server, "room in socket", 1, () => {
      if (!this.#isClosed) this.session?.drained();
    });
  }

  #delayUs(): number {
    const [least, most] = this.#plan.delayUs;
    const isStalled = this.#plan.stallOneIn > 0 && this.#dice.oneIn(this.#plan.stallOneIn);
    return this.#dice.skewed(least, most) * (isStalled ? 1000 : 1);
  }

  #pieceBytes(): number {
    return this.#dice.skewed(1, this.#plan.pieceBytesMax);
  }
}

/** Owns what is on its way to clients. */
export const network = {};

const nothing: Buffer = Buffer.alloc(0);
