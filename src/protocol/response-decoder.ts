import { Buffer } from "node:buffer";
import { assert } from "../lib/assert.ts";
import { errorDetailsMax, errorMessageBytesMax } from "../lib/limits.ts";
import type { Outcome } from "../lib/errors.ts";
import { readHelloInfo, type HelloInfo } from "./hello.ts";
import { readMap, type InfoMap } from "./info-map.ts";
import { MsgpackReader } from "./msgpack-reader.ts";
import { correlationIdMax, newestState, protocolVersion } from "./opcodes.ts";
import { outcome, status, statusName } from "./status.ts";

/**
 * Reads responses. What a response holds depends on the request that it answers, so it is read in two steps:
 * `readHead` says whose answer it is and whether it is an error, then the caller picks the function for the body.
 * Everything is checked as on the server: a server is not trusted either. All throw MalformedError, which for
 * the client means that the outcome of everything unanswered on the connection is unknown.
 */
export class ResponseHead {
  /** Whose answer it is; 0: the server speaks about the connection. */
  correlationId = 0;
  /** 0: OK, anything else: `decodeError` reads the body. */
  status = 0;
  /** Elements of the message behind the status, which lie in [bodyStart, bodyEnd). */
  bodyElements = 0;
  bodyStart = 0;
  bodyEnd = 0;
  messageStart = 0;
}

export function readHead(bytes: Buffer, start: number, end: number, head: ResponseHead): void {
  reader.open(bytes, start, end);
  const elements = reader.array();
  if (elements < 2) reader.fail(`the element count of a response is at least 2, not ${elements}`);
  head.correlationId = reader.uint();
  if (head.correlationId > correlationIdMax) reader.fail(`a correlation id is at most ${correlationIdMax}`);
  head.status = reader.uint();
  head.bodyElements = elements - 2;
  head.bodyStart = reader.offset;
  head.bodyEnd = end;
  head.messageStart = start;
}

/** The answer to ping: nothing more. */
export function decodePong(bytes: Buffer, head: ResponseHead): void {
  openBody(bytes, head, 0, "a pong");
  reader.finish();
}

/** The answer to compact and closeSnapshot: nothing more. */
export function decodeDone(bytes: Buffer, head: ResponseHead): void {
  openBody(bytes, head, 0, "the answer to what has no result");
  reader.finish();
}

/** The answer to checkpoint: the seq up to which everything is in tables; 0: nothing was ever written. */
export function decodeCheckpointed(bytes: Buffer, head: ResponseHead): number {
  openBody(bytes, head, 1, "the answer to checkpoint");
  const seq = reader.uint();
  reader.finish();
  return seq;
}

export interface SnapshotReply {
  snapshotId: number;
  /** What it shows: everything up to this seq, and nothing of later ones. */
  seq: number;
  /** How long it lasts from its last use on, as the server granted it. */
  leaseMs: number;
}

/** The answer to openSnapshot and renewSnapshot. */
export function decodeSnapshot(bytes: Buffer, head: ResponseHead): SnapshotReply {
  openBody(bytes, head, 3, "the answer about a snapshot");
  const snapshotId = readSnapshotId(reader);
  const seq = reader.uint();
  const leaseMs = reader.uint();
  if (leaseMs === 0) reader.fail("a snapshot lasts for no time");
  reader.finish();
  return { snapshotId, seq, leaseMs };
}

/** The answer to put, delete and batch: the version that every touched entry now has. */
export function decodeWritten(bytes: Buffer, head: ResponseHead): number {
  openBody(bytes, head, 1, "the answer to a write");
  const version = reader.uint();
  if (version === 0) reader.fail("a write has no version 0");
  reader.finish();
  return version;
}

/** A version and where in the message its value is. Version 0: there is no such key, and the range is empty. */
export interface EntryRange {
  version: number;
  valueStart: number;
  valueEnd: number;
}

/** The answer to get: its version, and where in `bytes` its value is. Version 0: there is no such key. */
export function decodeEntry(bytes: Buffer, head: ResponseHead, into: EntryRange): void {
  openBody(bytes, head, 2, "the answer to get");
  readVersionedValue(reader, into);
  reader.finish();
}

export interface DecodedError {
  status: number;
  /** The stable name of the status. */
  code: string;
  message: string;
  outcome: Outcome;
  details: number[];
}

export function decodeError(bytes: Buffer, head: ResponseHead): DecodedError {
  assert(head.status !== status.OK, "OK is no error");
  reader.open(bytes, head.messageStart, head.bodyEnd, head.bodyStart);
  const detailCount = head.bodyElements - 2;
  if (detailCount < 0 || detailCount > errorDetailsMax)
    reader.fail(`the detail count of an error is 0 to ${errorDetailsMax}, not ${detailCount}`);
  const messageStart = reader.str();
  if (reader.offset - messageStart > errorMessageBytesMax)
    reader.fail(`an error's message is beyond ${errorMessageBytesMax} bytes`);
  const message = reader.utf8(messageStart);
  const outcomeCode = reader.uint();
  if (outcomeCode !== outcome.notApplied && outcomeCode !== outcome.unknown)
    reader.fail(`an outcome is 0 or 1, not ${outcomeCode}`);
  const details: number[] = [];
  for (let index = 0; index < detailCount; index++) details.push(reader.uint());
  reader.finish();
  return {
    status: head.status,
    code: statusName(head.status),
    message,
    outcome: outcomeCode === outcome.notApplied ? "not-applied" : "unknown",
    details,
  };
}

export interface HelloReply {
  protocolVersion: number;
  info: HelloInfo;
}

export function decodeHelloReply(bytes: Buffer, head: ResponseHead): HelloReply {
  openBody(bytes, head, 2, "the answer to hello");
  const version = reader.uint();
  if (version !== protocolVersion)
    reader.fail(`the server answers in version ${version}, not in ${protocolVersion}`);
  const info = readHelloInfo(reader);
  reader.finish();
  return { protocolVersion: version, info };
}

export function decodeStats(bytes: Buffer, head: ResponseHead): InfoMap {
  openBody(bytes, head, 1, "the answer to stats");
  const stats = readMap(reader);
  reader.finish();
  return stats;
}

/** Whose answer a page is: that of a scan names its keys, that of a getMany leaves them to their order. */
export type PageKind = "scan" | "getMany";

/**
 * Reads the answers to scan and getMany. `decode` checks the whole page, then `next` goes from entry to entry:
 * keys and values are ranges of `bytes`, and no object is made for an entry. Reused from page to page.
 */
export class PageCursor implements EntryRange {
  bytes: Buffer = nothing;
  /** Empty in the answer to getMany. */
  keyStart = 0;
  keyEnd = 0;
  version = 0;
  valueStart = 0;
  valueEnd = 0;

  entryCount = 0;
  /** Whether there is more behind this page. */
  more = false;
  /** The snapshot that a scan's first page opened for the further ones; else `newestState`. */
  snapshotId: number = newestState;
  /**
   * How far a scan came: what `after` of the next page is. Most often this is the last entry's key, but a scan may
   * also stop at a key that is no longer there, which is no entry. Empty when the page says nothing of any key.
   */
  lastKeyStart = 0;
  lastKeyEnd = 0;

  readonly #reader = new MsgpackReader();
  #kind: PageKind = "scan";
  #messageStart = 0;
  #messageEnd = 0;
  #entriesStart = 0;
  #entriesRead = 0;

  decode(bytes: Buffer, head: ResponseHead, kind: PageKind): void {
    assert(head.status === status.OK, "only an answer that is OK has this body");
    const reader = this.#reader;
    this.bytes = bytes;
    this.#kind = kind;
    this.#messageStart = head.messageStart;
    this.#messageEnd = head.bodyEnd;
    reader.open(bytes, head.messageStart, head.bodyEnd, head.bodyStart);
    const elementsMax = kind === "scan" ? 3 : 2;
    if (head.bodyElements < 2 || head.bodyElements > elementsMax) {
      const expected = kind === "scan" ? "2 or 3" : "2";
      reader.fail(`the element count of a page is ${expected}, not ${head.bodyElements}`);
    }
    const elements = reader.array();
    const elementsPerEntry = kind === "scan" ? 3 : 2;
    if (elements % elementsPerEntry !== 0)
      reader.fail(`${elements} elements make no whole entries of ${elementsPerEntry}`);

    this.#entriesStart = reader.offset;
    this.#readEntries(elements / elementsPerEntry);
    this.more = reader.boolean();
    this.snapshotId = head.bodyElements === 3 ? this.#readSnapshotIdOrNil() : newestState;
    reader.finish();
    if (this.more && elements === 0) reader.fail("an empty page says that there is more");
    if (!this.more && this.entryCount * elementsPerEntry < elements)
      reader.fail("a scan that came to its end says where it stopped");
    if (!this.more && this.snapshotId !== newestState)
      reader.fail("a scan that came to its end opened a snapshot");
    this.rewind();
  }

  /** Goes before the first entry. */
  rewind(): void {
    this.#reader.open(this.bytes, this.#messageStart, this.#messageEnd, this.#entriesStart);
    this.#entriesRead = 0;
  }

  /** Goes to the next entry; false after the last. */
  next(): boolean {
    if (this.#entriesRead === this.entryCount) return false;
    this.#entriesRead++;
    this.#readEntry();
    return true;
  }

  #readSnapshotIdOrNil(): number {
    return this.#reader.nil() ? newestState : readSnapshotId(this.#reader);
  }

  #readEntries(count: number): void {
    const reader = this.#reader;
    this.keyStart = this.keyEnd = 0;
    this.entryCount = count;
    for (let index = 0; index < count; index++) {
      this.#readEntry();
      if (this.version > 0 || this.#kind === "getMany") continue;
      if (index < count - 1) reader.fail("an entry of a scan that is not the last has version 0");
      this.entryCount = index;
    }
    this.lastKeyStart = this.keyStart;
    this.lastKeyEnd = this.keyEnd;
  }

  #readEntry(): void {
    const reader = this.#reader;
    if (this.#kind === "scan") {
      this.keyStart = reader.bin();
      this.keyEnd = reader.offset;
      if (this.keyEnd === this.keyStart) reader.fail("a key is empty");
    }
    readVersionedValue(reader, this);
  }
}

const reader = new MsgpackReader();

function openBody(bytes: Buffer, head: ResponseHead, elements: number, what: string): void {
  assert(head.status === status.OK, "only an answer that is OK has this body");
  reader.open(bytes, head.messageStart, head.bodyEnd, head.bodyStart);
  if (head.bodyElements !== elements)
    reader.fail(`the element count of ${what} is ${elements}, not ${head.bodyElements}`);
}

function readSnapshotId(reader: MsgpackReader): number {
  const snapshotId = reader.uint();
  if (snapshotId === 0) reader.fail("no snapshot has the id 0");
  return snapshotId;
}

/** Reads a version and its value: nil if, and only if, the version is 0. */
function readVersionedValue(reader: MsgpackReader, into: EntryRange): void {
  into.version = reader.uint();
  if (into.version === 0) {
    if (!reader.nil()) reader.fail("an absent entry has a value");
    into.valueStart = into.valueEnd = reader.offset;
  } else {
    into.valueStart = reader.bin();
    into.valueEnd = reader.offset;
  }
}

const nothing = Buffer.alloc(0);
