import { Buffer } from "node:buffer";
import { InvalidArgumentError } from "../src/lib/errors.ts";

/** Where a server is, and what a URL can say beside that: `holdfast://user:password@host:port?timeout=5s`. */
export interface ServerAddress {
  readonly hostname: string;
  readonly port: number;
  /** For messages: never holds the password. */
  readonly display: string;
  readonly credentials: Uint8Array | undefined;
  readonly timeoutMs: number | undefined;
}

export const urlDefault = "holdfast://127.0.0.1:4653";
const portDefault = 4653;

export function parseUrl(text: string): ServerAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // The text itself may hold a password, so no message shows it.
  if (url?.protocol !== "holdfast:" || url.hostname === "")
    throw invalid(`it is not of the form ${urlDefault}`);
  if (url.pathname !== "" && url.pathname !== "/")
    throw invalid(`it has the path ${JSON.stringify(url.pathname)}; use keyspace() for a prefix`);

  let timeoutMs: number | undefined;
  for (const [name, value] of url.searchParams) {
    if (name !== "timeout")
      throw invalid(`it has the parameter ${JSON.stringify(name)}, and only timeout is known`);
    timeoutMs = parseDuration(value);
  }
  const port = url.port === "" ? portDefault : Number(url.port);
  return {
    // The brackets of an IPv6 address belong to the URL, not to the address.
    hostname: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port,
    display: `holdfast://${url.hostname}:${port}`,
    credentials: credentialsOf(url),
    timeoutMs,
  };
}

/** The bytes of `user:password`, as the server knows them. */
function credentialsOf(url: URL): Uint8Array | undefined {
  if (url.username === "" && url.password === "") return undefined;
  try {
    return Buffer.from(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`);
  } catch {
    throw invalid("a % in its user or password is not followed by two hexadecimal digits");
  }
}

function parseDuration(text: string): number {
  const match = /^(\d{1,9})(ms|s|m)$/.exec(text);
  if (match === null) throw invalid(`its timeout is ${JSON.stringify(text)}; write it as 500ms, 5s or 1m`);
  return Number(match[1]) * unitsMs[match[2] as keyof typeof unitsMs];
}

const unitsMs = { ms: 1, s: 1_000, m: 60_000 };

function invalid(reason: string): InvalidArgumentError {
  return new InvalidArgumentError(`Cannot use the server's URL: ${reason}`);
}
