import { Buffer } from "node:buffer";
import type { ByteWriter } from "../../../src/lib/byte-writer.ts";
import type { HelloInfo } from "../../../src/protocol/hello.ts";
import type { InfoMap } from "../../../src/protocol/info-map.ts";
import { PageEncoder } from "../../../src/protocol/page-encoder.ts";
import { MalformedError } from "../../../src/protocol/protocol-error.ts";
import * as decoder from "../../../src/protocol/response-decoder.ts";
import * as encoder from "../../../src/protocol/response-encoder.ts";
import { outcome, statusMax, type ErrorStatus } from "../../../src/protocol/status.ts";
import { announcedLimits, type ResponseKind } from "./naive-responses.ts";
import type { Transcript } from "./transcript.ts";

/** The real decoder of responses, with what it read last: to be written down, and to be encoded again. */
export class RealResponses {
  readonly #head = new decoder.ResponseHead();
  readonly #page = new decoder.PageCursor();
  readonly #pageEncoder = new PageEncoder();
  readonly #entry = { version: 0, valueStart: 0, valueEnd: 0 };
  #bytes: Buffer = Buffer.alloc(0);
  #kind: ResponseKind | "error" = "pong";
  #result: unknown;

  /**
   * Whether the frame is a response of that kind, or an error. Anything but a MalformedError goes on its way.
   */
  decode(kind: ResponseKind, bytes: Buffer, start: number, end: number): boolean {
    this.#bytes = bytes;
    try {
      decoder.readHead(bytes, start, end, this.#head);
      this.#kind = this.#head.status === 0 ? kind : "error";
      this.#result = this.#decodeBody();
      return true;
    } catch (error) {
      if (error instanceof MalformedError) return false;
      throw error;
    }
  }

  transcribe(into: Transcript): void {
    into.begin(this.#bytes);
    into.number(this.#head.correlationId);
    into.number(this.#head.status);
    switch (this.#kind) {
      case "written":
      case "checkpointed":
        return into.number(this.#result as number);
      case "snapshot": {
        const { snapshotId, seq, leaseMs } = this.#result as decoder.SnapshotReply;
        into.number(snapshotId);
        into.number(seq);
        return into.number(leaseMs);
      }
      case "entry":
        return versioned(this.#entry, into);
      case "getManyPage":
      case "scanPage":
        return this.#transcribePage(into);
      case "helloReply": {
        const { server, storeId, syncMode, bootId, limits } = this.#result as HelloInfo;
        return into.value([
          server,
          storeId,
          syncMode,
          bootId,
          ...announcedLimits.map((name) => limits[name]),
        ]);
      }
      case "statsReply":
        return into.value(this.#result);
      case "error": {
        const { message, outcome: ending, details } = this.#result as decoder.DecodedError;
        into.value(message);
        into.number(ending === "unknown" ? outcome.unknown : outcome.notApplied);
        for (const detail of details) into.number(detail);
        return;
      }
      default:
    }
  }

  /** False: no server of this version says so, because it knows no such status. */
  encode(writer: ByteWriter): boolean {
    const id = this.#head.correlationId;
    switch (this.#kind) {
      case "pong":
        encoder.encodePong(writer, id);
        break;
      case "done":
        encoder.encodeDone(writer, id);
        break;
      case "written":
        encoder.encodeWritten(writer, id, this.#result as number);
        break;
      case "checkpointed":
        encoder.encodeCheckpointed(writer, id, this.#result as number);
        break;
      case "snapshot": {
        const { snapshotId, seq, leaseMs } = this.#result as decoder.SnapshotReply;
        encoder.encodeSnapshot(writer, id, snapshotId, seq, leaseMs);
        break;
      }
      case "entry": {
        const { version, valueStart, valueEnd } = this.#entry;
        encoder.encodeEntry(writer, id, version, this.#bytes, valueStart, valueEnd);
        break;
      }
      case "getManyPage":
      case "scanPage":
        this.#encodePage(writer, id);
        break;
      case "helloReply":
        encoder.encodeHelloReply(writer, id, this.#result as HelloInfo);
        break;
      case "statsReply":
        encoder.encodeStatsReply(writer, id, this.#result as InfoMap);
        break;
      case "error": {
        const { status, message, outcome: ending, details } = this.#result as decoder.DecodedError;
        if (status > statusMax) return false;
        const code = ending === "unknown" ? outcome.unknown : outcome.notApplied;
        encoder.encodeError(writer, id, status as ErrorStatus, message, code, details);
      }
    }
    return true;
  }

  #decodeBody(): unknown {
    const [bytes, head] = [this.#bytes, this.#head];
    switch (this.#kind) {
      case "pong":
        return decoder.decodePong(bytes, head);
      case "done":
        return decoder.decodeDone(bytes, head);
      case "written":
        return decoder.decodeWritten(bytes, head);
      case "checkpointed":
        return decoder.decodeCheckpointed(bytes, head);
      case "snapshot":
        return decoder.decodeSnapshot(bytes, head);
      case "entry":
        return decoder.decodeEntry(bytes, head, this.#entry);
      case "scanPage":
        return this.#page.decode(bytes, head, "scan");
      case "getManyPage":
        return this.#page.decode(bytes, head, "getMany");
      case "helloReply":
        return decoder.decodeHelloReply(bytes, head).info;
      case "statsReply":
        return decoder.decodeStats(bytes, head);
      case "error":
        return decoder.decodeError(bytes, head);
    }
  }

  #transcribePage(into: Transcript): void {
    const page = this.#page;
    const isScan = this.#kind === "scanPage";
    if (!isScan) into.number(page.entryCount);
    for (page.rewind(); page.next();) {
      if (isScan) into.range(page.keyStart, page.keyEnd);
      versioned(page, into);
    }
    if (!isScan) return into.flag(page.more);
    if (this.#stopsAtNoEntry()) {
      into.range(page.lastKeyStart, page.lastKeyEnd);
      into.number(0);
      into.range(0, 0);
    }
    into.number(page.entryCount);
    if (page.lastKeyEnd > 0) into.range(page.lastKeyStart, page.lastKeyEnd);
    into.flag(page.more);
    into.number(page.snapshotId);
  }

  #encodePage(writer: ByteWriter, id: number): void {
    const page = this.#page;
    const bytes = this.#bytes;
    const target = this.#pageEncoder;
    for (page.rewind(); page.next();) {
      const { keyStart, keyEnd, version, valueStart, valueEnd } = page;
      target.add(bytes, keyStart, keyEnd, version, bytes, valueStart, valueEnd);
    }
    if (this.#stopsAtNoEntry()) target.add(bytes, page.lastKeyStart, page.lastKeyEnd, 0, bytes, 0, 0);
    target.finish(writer, id, page.more, page.snapshotId);
  }

  /** Asked once the page was walked through. */
  #stopsAtNoEntry(): boolean {
    const { entryCount, keyStart, lastKeyStart } = this.#page;
    return this.#kind === "scanPage" && lastKeyStart > 0 && (entryCount === 0 || lastKeyStart !== keyStart);
  }
}

function versioned({ version, valueStart, valueEnd }: decoder.EntryRange, into: Transcript): void {
  into.number(version);
  into.range(valueStart, valueEnd);
}
