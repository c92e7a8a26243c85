import type { Buffer } from "node:buffer";

/**
 * What a session asks of its socket, and all that it knows of one. Bun's TCP sockets are wires as they are; tests
 * bring their own.
 */
export interface Wire {
  /** Takes up to `count` bytes from `start` on, keeps none of them, and returns how many it took; -1: it is closed. */
  write(bytes: Buffer, start: number, count: number): number;
  /** Stops reading. A chunk that was read already may still come. */
  pause(): void;
  resume(): void;
  /** Says that nothing more will be written. The peer may go on writing; the wire closes when it ends as well. */
  shutdown(): void;
  /** Closes in order: what was written still arrives, if the peer reads it. */
  end(): void;
  /** Closes at once; what was not sent yet is lost. */
  terminate(): void;
}
