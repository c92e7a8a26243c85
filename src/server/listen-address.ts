import { InvalidArgumentError } from "../lib/errors.ts";

export interface ListenAddress {
  readonly hostname: string;
  /** 0: the kernel chooses. */
  readonly port: number;
}

export const listenDefault = "127.0.0.1:4653";

/** Reads "HOST:PORT". An IPv6 host stands in brackets, as in a URL: "[::1]:4653". */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/]+)):(\d{1,5})$/.exec(text);
  const hostname = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (hostname === undefined || port > 65_535) {
    throw new InvalidArgumentError(
      `Cannot listen on ${JSON.stringify(text)}: it is not HOST:PORT; write for example 127.0.0.1:4653, [::1]:4653, or port 0 for any free one`,
    );
  }
  return { hostname, port };
}

/** "HOST:PORT", as a URL needs it. */
export function formatAddress(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/**
 * Refuses an address that other machines can reach. There is no authentication yet, so whoever reaches the port
 * may read and overwrite everything: that has to be a decision that somebody made, not a default they missed.
 */
export function assertLocal(address: ListenAddress, allowRemote: boolean): void {
  if (allowRemote || isLoopback(address.hostname)) return;
  throw new InvalidArgumentError(
    `Cannot listen on ${formatAddress(address.hostname, address.port)}: other machines could reach it, and there is no authentication yet, so they could read and overwrite everything; listen on 127.0.0.1, or set allowRemote if the network itself keeps strangers out`,
  );
}

function isLoopback(hostname: string): boolean {
  const host = hostname.toLowerCase();
  return host === "localhost" || host === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}
