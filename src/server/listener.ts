import { HoldfastError } from "../lib/errors.ts";
import { socketBufferBytes } from "../lib/limits.ts";
import { limitSocketBuffers } from "../vfs/libc.ts";
import { formatAddress, type ListenAddress } from "./listen-address.ts";
import type { Session } from "./session.ts";
import type { Wire } from "./wire.ts";

export interface Listener {
  readonly hostname: string;
  readonly port: number;
  /** Accepts no further connection. Those that there are go on. */
  stop(): void;
}

/**
 * Accepts TCP connections and passes on what happens to them; the server's only touch of the network. `accept`
 * makes the session of a new connection, or ends the connection and returns undefined.
 *
 * Sockets are half open when the peer ends: it may still read what it asked for.
 */
export function openListener(address: ListenAddress, accept: (wire: Wire) => Session | undefined): Listener {
  try {
    const listener = Bun.listen<Session | undefined>({
      hostname: address.hostname,
      port: address.port,
      exclusive: true,
      allowHalfOpen: true,
      socket: {
        open(socket) {
          socket.data = accept(socket);
        },
        data(socket, chunk) {
          socket.data?.receive(chunk);
        },
        drain(socket) {
          socket.data?.drained();
        },
        end(socket) {
          if (socket.data === undefined) socket.end();
          else socket.data.ended();
        },
        close(socket) {
          socket.data?.closed();
        },
        // Sessions don't throw, and what goes wrong with a socket comes as its close. Whatever this is, it is this
        // connection's.
        error(socket) {
          socket.terminate();
        },
      },
    });
    // What the system keeps for a peer that does not read is memory too, up to 4 MiB, and no cap of ours would see it.
    const { fd } = listener as { fd?: number };
    if (fd !== undefined) limitSocketBuffers(fd, socketBufferBytes);
    return {
      hostname: listener.hostname,
      port: listener.port,
      stop: () => listener.stop(),
    };
  } catch (cause) {
    throw cannotListen(address, cause);
  }
}

function cannotListen(address: ListenAddress, cause: unknown): HoldfastError {
  const where = formatAddress(address.hostname, address.port);
  const code = (cause as { code?: unknown }).code;
  if (code === "EADDRINUSE") {
    return new HoldfastError(
      "ADDRESS_IN_USE",
      `Cannot listen on ${where}: another process does; stop it, or choose another port (0 for any free one)`,
      { cause },
    );
  }
  const state = cause instanceof Error ? cause.message : String(cause);
  return new HoldfastError("CANNOT_LISTEN", `Cannot listen on ${where}: ${state}; choose another address`, {
    cause,
  });
}
