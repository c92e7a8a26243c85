import { encodeGet } from "../../../src/protocol/request-encoder.ts";
import { decodeEntry } from "../../../src/protocol/response-decoder.ts";
import { RawConnection } from "../../support/raw-connection.ts";
import { readValue } from "../../support/raw-reads.ts";

/** For each key the number of its last acknowledged put. */
export type Acknowledged = Iterable<readonly [key: string, number: number]>;

/**
 * Those of the keys whose value is older than the last put that was acknowledged. A newer one is none of them: a put
 * that nobody was told of may have been done.
 */
export async function lostWrites(
  port: number,
  acknowledged: Acknowledged,
  numberOf: (value: Buffer) => number,
): Promise<string[]> {
  const connection = await RawConnection.open(port);
  const lost: string[] = [];
  const check = async ([key, number]: readonly [string, number]) => {
    const entry = { version: 0, valueStart: 0, valueEnd: 0 };
    const found = await connection.request(
      (writer, id) => encodeGet(writer, id, Buffer.from(key)),
      (bytes, head) => {
        decodeEntry(bytes, head, entry);
        return entry.version === 0 ? 0 : numberOf(bytes.subarray(entry.valueStart, entry.valueEnd));
      },
    );
    const held = readValue(found);
    if (held === undefined) throw new Error(`The server was gone before ${key} was read`);
    if (held < number) lost.push(`${key} holds ${held}, and ${number} was acknowledged`);
  };
  const all = [...acknowledged];
  for (let first = 0; first < all.length; first += askedAtOnce)
    await Promise.all(all.slice(first, first + askedAtOnce).map(check));
  connection.close();
  return lost;
}

/** The value of a flood's put begins with its number. */
export const floodNumberOf = (value: Buffer) => value.readUInt32BE(0);

const askedAtOnce = 1_000;
