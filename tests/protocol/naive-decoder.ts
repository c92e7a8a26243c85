import * as limits from "../../src/lib/limits.ts";
import { status } from "../../src/protocol/status.ts";
import { hexOf, type Operation, type Request, type Response } from "./message.ts";

/**
 * A second decoder, written from README.md in the simplest way there is: first everything that msgpack may hold
 * becomes a tree, then the tree is held against the message's shape. It shares nothing with the real one but the
 * limits, and throws for whatever a decoder must not accept.
 */
type Tree =
  | { kind: "nil" }
  | { kind: "bool"; value: boolean }
  | { kind: "uint"; value: number }
  | { kind: "float"; value: number }
  | { kind: "bin"; value: string; length: number }
  | { kind: "str"; value: string; length: number }
  | { kind: "array"; value: Tree[] }
  | { kind: "map"; value: [Tree, Tree][]; start: number };

export function naiveRequest(payload: Buffer): Request {
  const [idTree, opcodeTree, ...args] = array(parse(payload));
  const id = uint(idTree);
  if (id < 1 || id > 0xffff_ffff) throw new Error("id");
  const opcode = uint(opcodeTree);
  const [first, second, third, fourth, fifth, sixth, seventh, eighth] = args;
  const count = (least: number, most: number) => {
    if (args.length < least || args.length > most) throw new Error("argument count");
  };

  switch (opcode) {
    case 0: {
      count(2, 5);
      if (text(first) !== "holdfast" || uint(second) !== 1) throw new Error("name or version");
      const session = maybe(fourth, bin);
      if (session !== undefined && session.length !== 32) throw new Error("session");
      const credentials = maybe(third, (tree) => bin(tree, limits.credentialsBytesMax));
      const clientName = maybe(fifth, (tree) => text(tree, limits.clientNameBytesMax));
      return defined({ message: "hello", id, credentials, session, clientName });
    }
    case 1:
      count(0, 0);
      return { message: "ping", id };
    case 2:
      count(1, 2);
      return defined({ message: "get", id, key: key(first), snapshotId: maybe(second, positive) });
    case 3: {
      count(1, 2);
      const keys = array(first).map(key);
      if (keys.length === 0 || keys.length > limits.getManyKeysMax) throw new Error("key count");
      return defined({ message: "getMany", id, keys, snapshotId: maybe(second, positive) });
    }
    case 4:
      count(2, 5);
      return defined({
        message: "put",
        id,
        key: key(first),
        value: bin(second, limits.valueBytesMax),
        ifVersion: maybe(third, uint),
        expiresAtMs: maybe(fourth, positive),
        requestNumber: maybe(fifth, positive),
      });
    case 5:
      count(1, 3);
      return defined({
        message: "delete",
        id,
        key: key(first),
        ifVersion: maybe(second, uint),
        requestNumber: maybe(third, positive),
      });
    case 6: {
      count(1, 2);
      const operations = array(first).map(operation);
      if (operations.length === 0 || operations.length > limits.batchOperationsMax) throw new Error("count");
      return defined({ message: "batch", id, operations, requestNumber: maybe(second, positive) });
    }
    case 7: {
      count(5, 8);
      const bound = (tree: Tree | undefined) => maybe(tree, (there) => bin(there, limits.keyBytesMax));
      return defined({
        message: "scan",
        id,
        start: bound(first),
        end: bound(second),
        prefix: bound(third),
        reverse: bool(fourth),
        limit: uint(fifth),
        after: bound(sixth),
        snapshotId: maybe(seventh, uint),
        keysOnly: maybe(eighth, bool) || undefined,
      });
    }
    case 8:
      count(0, 0);
      return { message: "stats", id };
    case 9:
      count(0, 0);
      return { message: "checkpoint", id };
    case 10:
      count(0, 0);
      return { message: "compact", id };
    case 11:
      count(1, 1);
      return { message: "openSnapshot", id, leaseMs: uint(first) };
    case 12:
      count(2, 2);
      return { message: "renewSnapshot", id, snapshotId: positive(first), leaseMs: uint(second) };
    case 13:
      count(1, 1);
      return { message: "closeSnapshot", id, snapshotId: positive(first) };
    default:
      throw new Error("opcode");
  }
}

export function naiveResponse(kind: Response["message"], payload: Buffer): Response {
  const [idTree, statusTree, ...body] = array(parse(payload));
  const id = uint(idTree);
  if (id > 0xffff_ffff) throw new Error("id");
  const code = uint(statusTree);
  const [first, second, third] = body;
  const count = (least: number, most = least) => {
    if (body.length < least || body.length > most) throw new Error("element count");
  };

  if (code !== 0) {
    const details = body.slice(2).map(uint);
    const outcome = uint(second);
    if (details.length > limits.errorDetailsMax || outcome > 1) throw new Error("error");
    const name = Object.entries(status).find(([, number]) => number === code)?.[0] ?? `STATUS_${code}`;
    return {
      message: "error",
      id,
      status: name as Exclude<keyof typeof status, "OK">,
      text: text(first, limits.errorMessageBytesMax),
      outcome: outcome === 0 ? "notApplied" : "unknown",
      details,
    };
  }
  switch (kind) {
    case "pong":
      count(0);
      return { message: "pong", id };
    case "written":
      count(1);
      return { message: "written", id, version: positive(first) };
    case "entry":
      count(2);
      return { message: "entry", id, ...versioned(first, second) };
    case "snapshot":
      count(3);
      return {
        message: "snapshot",
        id,
        snapshotId: positive(first),
        seq: uint(second),
        leaseMs: positive(third),
      };
    case "checkpointed":
      count(1);
      return { message: "checkpointed", id, seq: uint(first) };
    case "done":
      count(0);
      return { message: "done", id };
    case "scanPage": {
      count(2, 3);
      const more = bool(second);
      const entries = groups(array(first), 3).map(([keyTree, version, value]) => {
        return { key: bin(keyTree), ...versioned(version, value) };
      });
      if (entries.some((entry) => entry.key === "")) throw new Error("empty key");
      if (more && entries.length === 0) throw new Error("more of nothing");
      const stop = entries.at(-1)?.version === 0 ? entries.pop() : undefined;
      if (stop !== undefined && !more) throw new Error("a stop at the end");
      if (entries.some((entry) => entry.version === 0)) throw new Error("an absent entry");
      const stoppedAt = stop === undefined || stop.key === entries.at(-1)?.key ? {} : { stoppedAt: stop.key };
      const snapshotId = maybe(third, positive);
      if (snapshotId !== undefined && !more) throw new Error("a snapshot at the end");
      const opened = snapshotId === undefined ? {} : { snapshotId };
      return { message: "scanPage", id, entries: entries as never, more, ...stoppedAt, ...opened };
    }
    case "getManyPage": {
      count(2);
      const entries = groups(array(first), 2).map(([version, value]) => versioned(version, value));
      const more = bool(second);
      if (more && entries.length === 0) throw new Error("more of nothing");
      return { message: "getManyPage", id, entries, more };
    }
    case "statsReply":
      count(1);
      if (first?.kind !== "map" || payload.length - first.start > limits.mapBytesMax) throw new Error("map");
      return { message: "statsReply", id, stats: plain(first, 1) as never };
    default:
      throw new Error(`no naive decoder of ${kind}`);
  }
}

function parse(payload: Buffer): Tree {
  let offset = 0;
  const take = (length: number) => {
    if (offset + length > payload.length) throw new Error("end");
    offset += length;
    return payload.subarray(offset - length, offset);
  };
  const number = (length: number) => Number.parseInt(hexOf(take(length)), 16);
  const bytes = (length: number): Tree => ({ kind: "bin", value: hexOf(take(length)), length });
  const str = (length: number): Tree => {
    const utf8 = take(length);
    const value = utf8.toString("utf8");
    if (!Buffer.from(value).equals(utf8)) throw new Error("UTF-8");
    return { kind: "str", value, length };
  };
  const elements = (length: number): Tree => {
    const value: Tree[] = [];
    while (value.length < length) value.push(element());
    return { kind: "array", value };
  };
  const map = (start: number, length: number): Tree => {
    const value: [Tree, Tree][] = [];
    while (value.length < length) value.push([element(), element()]);
    return { kind: "map", value, start };
  };
  const element = (): Tree => {
    const start = offset;
    const head = number(1);
    if (head < 0x80) return { kind: "uint", value: head };
    if (head < 0x90) return map(start, head - 0x80);
    if (head < 0xa0) return elements(head - 0x90);
    if (head < 0xc0) return str(head - 0xa0);
    switch (head) {
      case 0xc0:
        return { kind: "nil" };
      case 0xc2:
      case 0xc3:
        return { kind: "bool", value: head === 0xc3 };
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return bytes(number(2 ** (head - 0xc4)));
      case 0xcb:
        return { kind: "float", value: new DataView(new Uint8Array(take(8)).buffer).getFloat64(0) };
      case 0xcc:
      case 0xcd:
      case 0xce:
        return { kind: "uint", value: number(2 ** (head - 0xcc)) };
      case 0xcf: {
        const value = BigInt(`0x${hexOf(take(8))}`);
        if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error("beyond 2^53 - 1");
        return { kind: "uint", value: Number(value) };
      }
      case 0xd9:
      case 0xda:
      case 0xdb:
        return str(number(2 ** (head - 0xd9)));
      case 0xdc:
      case 0xdd:
        return elements(number(2 ** (head - 0xdb)));
      case 0xde:
      case 0xdf:
        return map(start, number(2 ** (head - 0xdd)));
      default:
        throw new Error("not in the subset");
    }
  };
  const tree = element();
  if (offset !== payload.length) throw new Error("bytes behind the end");
  return tree;
}

function operation(tree: Tree): Operation {
  const [kind, keyTree, ...rest] = array(tree);
  if (uint(kind) === 0) {
    if (rest.length < 1 || rest.length > 3) throw new Error("argument count");
    const [value, ifVersion, expiresAtMs] = rest;
    return defined({
      type: "put",
      key: key(keyTree),
      value: bin(value, limits.valueBytesMax),
      ifVersion: maybe(ifVersion, uint),
      expiresAtMs: maybe(expiresAtMs, positive),
    });
  }
  if (uint(kind) !== 1 || rest.length > 1) throw new Error("operation");
  return defined({ type: "delete", key: key(keyTree), ifVersion: maybe(rest[0], uint) });
}

function versioned(
  versionTree: Tree | undefined,
  value: Tree | undefined,
): { version: number; value: string | null } {
  const version = uint(versionTree);
  if ((version === 0) !== (value?.kind === "nil"))
    throw new Error("a value if, and only if, there is a version");
  return { version, value: version === 0 ? null : bin(value) };
}

function groups(trees: Tree[], size: number): Tree[][] {
  if (trees.length % size !== 0) throw new Error("entries");
  return Array.from({ length: trees.length / size }, (_, index) =>
    trees.slice(index * size, (index + 1) * size),
  );
}

function plain(tree: Tree, depth: number): unknown {
  if ((tree.kind === "map" || tree.kind === "array") && depth > limits.mapDepthMax) throw new Error("depth");
  if (tree.kind === "nil") return null;
  if (tree.kind === "array") return tree.value.map((value) => plain(value, depth + 1));
  if (tree.kind === "bin") return new Uint8Array(Buffer.from(tree.value, "hex"));
  if (tree.kind !== "map") return tree.value;
  const names = tree.value.map(([name]) => text(name));
  if (new Set(names).size < names.length) throw new Error("key twice");
  const values = tree.value.map(([, value]) => plain(value, depth + 1));
  return Object.assign(
    Object.create(null),
    Object.fromEntries(names.map((name, index) => [name, values[index]])),
  );
}

function array(tree: Tree | undefined): Tree[] {
  if (tree?.kind !== "array") throw new Error("array");
  return tree.value;
}

function uint(tree: Tree | undefined): number {
  if (tree?.kind !== "uint") throw new Error("uint");
  return tree.value;
}

function positive(tree: Tree | undefined): number {
  if (uint(tree) === 0) throw new Error("0");
  return uint(tree);
}

function bool(tree: Tree | undefined): boolean {
  if (tree?.kind !== "bool") throw new Error("bool");
  return tree.value;
}

function bin(tree: Tree | undefined, lengthMax = Infinity): string {
  if (tree?.kind !== "bin" || tree.length > lengthMax) throw new Error("bin");
  return tree.value;
}

function text(tree: Tree | undefined, lengthMax = Infinity): string {
  if (tree?.kind !== "str" || tree.length > lengthMax) throw new Error("str");
  return tree.value;
}

function key(tree: Tree | undefined): string {
  const hex = bin(tree, limits.keyBytesMax);
  if (hex === "") throw new Error("empty key");
  return hex;
}

function maybe<T>(tree: Tree | undefined, read: (tree: Tree) => T): T | undefined {
  return tree === undefined || tree.kind === "nil" ? undefined : read(tree);
}

/** Without the fields that are undefined: a message that has no field leaves it out. */
function defined<T>(fields: object): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
