import { encodeScan } from "../../src/protocol/request-encoder.ts";
import { PageCursor } from "../../src/protocol/response-decoder.ts";
import type { Seen } from "../support/oracle-types.ts";
import { RawConnection } from "../support/raw-connection.ts";
import type { SizedOperation } from "../support/store-client.ts";
import { tagOf } from "../support/tagged-value.ts";
import type { LaneKnowledge } from "./honest-client.ts";
import { isHonest, type SentEntries } from "./sent-entries.ts";

export interface Audit {
  readonly entries: number;
  readonly violations: readonly string[];
}

/**
 * Reads all that a store holds, while nobody writes. The honest client's entries must be as they were
 * acknowledged, with all or nothing of a write whose answer it never got; every other entry is one that the
 * crowd has sent.
 */
export async function audit(
  port: number,
  lanes: readonly LaneKnowledge[],
  sent: SentEntries,
): Promise<Audit> {
  const violations: string[] = [];
  const honest = new Map<string, Seen>();
  let entries = 0;
  for await (const page of pagesOf(port)) {
    while (page.next()) {
      entries++;
      const key = page.bytes.subarray(page.keyStart, page.keyEnd);
      const value = page.bytes.subarray(page.valueStart, page.valueEnd);
      if (isHonest(key)) honest.set(key.toString("latin1"), { version: page.version, tag: tagOf(value) });
      else if (!sent.has(key, value)) violations.push(`nobody sent the entry of ${key.toString("hex")}`);
    }
  }
  for (const lane of lanes) {
    const found = new Map([...honest].filter(([key]) => key.startsWith(lane.prefix)));
    const difference = differenceOf(found, lane.entries);
    if (difference !== undefined && !isAfter(found, lane)) violations.push(difference);
    for (const key of found.keys()) honest.delete(key);
  }
  for (const key of honest.keys()) violations.push(`nobody knows of the entry of ${key}`);
  return { entries, violations };
}

/** Whether a lane's entries are what its last write, which was not answered, makes of those that it knows. */
function isAfter(found: ReadonlyMap<string, Seen>, lane: LaneKnowledge): boolean {
  const { entries, unanswered } = lane;
  if (unanswered === undefined) return false;
  const put = unanswered.find(({ type }) => type === "put");
  const version = put === undefined ? 0 : (found.get(put.key)?.version ?? 0);
  const isNewer = put === undefined || [...entries.values()].every((known) => known.version < version);
  return isNewer && differenceOf(found, applied(entries, unanswered, version)) === undefined;
}

function applied(
  entries: ReadonlyMap<string, Seen>,
  operations: readonly SizedOperation[],
  version: number,
): Map<string, Seen> {
  const after = new Map(entries);
  for (const { key, type, tag } of operations) {
    if (type === "put") after.set(key, { version, tag });
    else after.delete(key);
  }
  return after;
}

function differenceOf(
  found: ReadonlyMap<string, Seen>,
  known: ReadonlyMap<string, Seen>,
): string | undefined {
  for (const key of new Set([...found.keys(), ...known.keys()])) {
    const [is, was] = [found.get(key), known.get(key)];
    if (is?.version === was?.version && is?.tag === was?.tag) continue;
    const text = (seen: Seen | undefined) => (seen === undefined ? "absent" : JSON.stringify(seen));
    return `${key} is ${text(is)} after the restart, and was acknowledged as ${text(was)}`;
  }
  return undefined;
}

async function* pagesOf(port: number): AsyncGenerator<PageCursor> {
  const connection = await RawConnection.open(port);
  let after: Buffer | undefined;
  do {
    const answer = await connection.request(
      (writer, id) => encodeScan(writer, id, { after }),
      (bytes, head) => {
        const page = new PageCursor();
        page.decode(Buffer.from(bytes), head, "scan");
        return page;
      },
    );
    if (answer === undefined || answer.refusal !== undefined)
      throw new Error("The server did not answer a scan");
    const page = answer.value;
    yield page;
    after = page.more ? page.bytes.subarray(page.lastKeyStart, page.lastKeyEnd) : undefined;
  } while (after !== undefined);
  connection.close();
}
