import * as limits from "../lib/limits.ts";
import { readMap, type InfoMap, type InfoValue } from "./info-map.ts";
import type { MsgpackReader } from "./msgpack-reader.ts";
import { protocolName, protocolVersion } from "./opcodes.ts";
import { beyondLimit, RefusedError } from "./protocol-error.ts";
import { status } from "./status.ts";

/** The first request of every connection. Its ranges are copies: they outlive the frame. */
export interface HelloRequest {
  readonly protocolVersion: number;
  readonly credentials: Uint8Array | undefined;
  /** 16 bytes. */
  readonly session: Uint8Array | undefined;
  /** For the logs of the server. */
  readonly clientName: string | undefined;
}

/**
 * The name and the version come first in every version of the protocol, and nothing behind them is read unless
 * the version is ours: a newer client gets to know which versions are spoken here, whatever its hello looks like.
 */
export function readHello(reader: MsgpackReader, argumentCount: number): HelloRequest {
  if (argumentCount < 2) reader.fail("hello begins with the protocol's name and version, which are missing");
  // Lengths come first: a stranger's frame is small, but a second hello may be as long as any frame.
  const nameStart = reader.str();
  if (reader.offset - nameStart !== protocolName.length || reader.utf8(nameStart) !== protocolName)
    reader.fail(`this port speaks ${JSON.stringify(protocolName)}, which hello does not name`);
  const version = reader.uint();
  if (version !== protocolVersion) {
    const message = `Cannot say hello: version ${version} of the protocol is not spoken here, only ${protocolVersion}`;
    throw new RefusedError(status.VERSION_UNSUPPORTED, message, [protocolVersion, protocolVersion]);
  }
  if (argumentCount > 5) reader.fail(`the argument count of hello is 2 to 5, not ${argumentCount}`);
  return {
    protocolVersion: version,
    credentials: argumentCount > 2 ? readCredentials(reader) : undefined,
    session: argumentCount > 3 ? readSession(reader) : undefined,
    clientName: argumentCount > 4 ? readClientName(reader) : undefined,
  };
}

function readCredentials(reader: MsgpackReader): Uint8Array | undefined {
  if (reader.nil()) return undefined;
  const start = reader.bin();
  const length = reader.offset - start;
  if (length > limits.credentialsBytesMax)
    throw beyondLimit("the credentials' bytes", length, limits.credentialsBytesMax);
  return new Uint8Array(reader.bytes.subarray(start, reader.offset));
}

function readSession(reader: MsgpackReader): Uint8Array | undefined {
  if (reader.nil()) return undefined;
  const start = reader.bin();
  const length = reader.offset - start;
  if (length !== limits.sessionBytes) {
    const message = `Cannot say hello: a session is named by ${limits.sessionBytes} bytes, but ${length} came`;
    throw new RefusedError(status.INVALID_ARGUMENT, message);
  }
  return new Uint8Array(reader.bytes.subarray(start, reader.offset));
}

function readClientName(reader: MsgpackReader): string | undefined {
  if (reader.nil()) return undefined;
  const start = reader.str();
  const length = reader.offset - start;
  if (length > limits.clientNameBytesMax)
    throw beyondLimit("the client name's bytes", length, limits.clientNameBytesMax);
  return reader.utf8(start);
}

/** What the server tells in its answer to hello. Newer servers may add keys; a client ignores those it doesn't know. */
export interface HelloInfo {
  /** The name and version of the server's software. */
  readonly server: string;
  /** Names the store: 16 bytes that no other store has. */
  readonly storeId: Uint8Array;
  /** When an acknowledged write is durable. A client says so wherever it is anything but `always`. */
  readonly syncMode: "always" | "batch" | "none";
  /** Changes whenever the server starts. */
  readonly bootId?: Uint8Array | undefined;
  readonly limits: HelloLimits;
}

/** The server's limits: what is beyond one of them is refused with LIMIT_EXCEEDED, a longer frame with MALFORMED. */
export interface HelloLimits {
  readonly frameBytesMax: number;
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
  readonly batchOperationsMax: number;
  readonly batchBytesMax: number;
  readonly getManyKeysMax: number;
  readonly inFlightRequestsMax: number;
  readonly idleDeadlineMs: number;
}

/** The info of a hello's reply, checked: what this version promises must be there and be of its type. */
export function readHelloInfo(reader: MsgpackReader): HelloInfo {
  const info = readMap(reader);
  const { server, storeId, syncMode, bootId, limits: announced } = info;
  if (typeof server !== "string") return reader.fail("the hello's info has no text `server`");
  if (!(storeId instanceof Uint8Array)) return reader.fail("the hello's info has no bin `storeId`");
  if (syncMode !== "always" && syncMode !== "batch" && syncMode !== "none") {
    return reader.fail("the hello's info has no known `syncMode`");
  }
  if (bootId !== undefined && !(bootId instanceof Uint8Array)) {
    return reader.fail("the hello's info has a `bootId` that is no bin");
  }
  return { server, storeId, syncMode, bootId, limits: readLimits(reader, announced) };
}

function readLimits(reader: MsgpackReader, announced: InfoValue | undefined): HelloLimits {
  if (typeof announced !== "object" || announced === null)
    return reader.fail("the hello's info has no map `limits`");
  const known = {} as Record<keyof HelloLimits, number>;
  for (const name of limitNames) {
    const limit = (announced as InfoMap)[name];
    if (!Number.isSafeInteger(limit))
      return reader.fail(`the hello's info has no whole number \`limits.${name}\``);
    known[name] = limit as number;
  }
  return known;
}

const limitNames: readonly (keyof HelloLimits)[] = [
  "frameBytesMax",
  "keyBytesMax",
  "valueBytesMax",
  "batchOperationsMax",
  "batchBytesMax",
  "getManyKeysMax",
  "inFlightRequestsMax",
  "idleDeadlineMs",
];
