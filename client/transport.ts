import type { Buffer } from "node:buffer";

/**
 * A connection's bytes, sent. One adapter for each run time implements it, and nothing else of the client touches the
 * network.
 */
export interface Transport {
  /**
   * Sends bytes[start, end), which are valid only during the call; what the socket does not take at once is copied and
   * sent later. False: it did not take all, so send no more until `drained`.
   */
  send(bytes: Buffer, start: number, end: number): boolean;
  /** Sends what is left, says goodbye, and keeps the process alive no longer. */
  end(): void;
  /** Drops the connection, or the attempt to make one. No event follows. */
  destroy(): void;
}

/** A connection's bytes, received. Events never come during a call of the transport's methods. */
export interface TransportEvents {
  opened(): void;
  /** The bytes are valid only during the call. */
  received(bytes: Buffer): void;
  drained(): void;
  /** The last event: it could not be opened, it ended, or it failed. */
  closed(error: Error | undefined): void;
}

export type OpenTransport = (hostname: string, port: number, events: TransportEvents) => Transport;
