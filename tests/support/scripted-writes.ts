import type { Oracle } from "./oracle.ts";
import { RawStoreClient } from "./raw-store-client.ts";
import type { SizedOperation } from "./store-client.ts";
import type { TagSource } from "./workload.ts";

/**
 * A short run that is the same every time: two connections, every kind of write, several requests a group, and
 * records large enough to begin new segments where those are tiny. May be cut off anywhere; false if it was.
 */
export async function runScript(port: number, oracle: Oracle, tags: TagSource): Promise<boolean> {
  const versions = new Map<string, number>();
  const put = (key: string, valueBytes = 40, ifVersion?: number): SizedOperation => {
    return { key, type: "put", tag: tags.nextTag++, ifVersion, valueBytes };
  };
  const remove = (key: string): SizedOperation => ({ key, type: "delete", tag: 0, valueBytes: 0 });
  const version = (key: string) => versions.get(key) ?? 0;

  /** What the two connections send at once, each in one go. */
  const bursts: (() => SizedOperation[][][])[] = [
    () => [[[put("a")]], []],
    () => [[[put("b")], [put("c")]], [[put("d")]]],
    () => [[[put("a"), remove("b"), put("e")]], [[put("a", 600)]]],
    () => [[[put("c", 40, version("c"))]], [[put("d", 40, version("d") + 1_000)]]],
    () => [[[remove("c")], [put("b", 700)]], [[remove("a"), put("d")]]],
    () => [[[put("f", 900)]], [[put("e")], [put("e")], [remove("e")]]],
    () => [[[put("a")], [put("b")], [put("c")], [put("d"), put("e"), put("f")]], []],
  ];

  let clients: RawStoreClient[] = [];
  try {
    clients = [await RawStoreClient.open(port), await RawStoreClient.open(port)];
    for (const burst of bursts) {
      const answers = burst().flatMap((requests, connection) =>
        requests.map(async (operations) => {
          const isBatch = operations.length > 1;
          const write = oracle.send(connection, operations, isBatch);
          const answer = await clients[connection]!.write(operations, isBatch);
          if (answer.kind === "written") {
            oracle.acknowledged(write, answer.version);
            for (const { key, type } of operations) versions.set(key, type === "put" ? answer.version : 0);
          } else if (answer.kind === "conflict") {
            oracle.conflicted(write, answer.operationIndex, answer.actualVersion);
          } else if (answer.kind === "refused") oracle.refused(write);
          return answer.kind === "written" || answer.kind === "conflict";
        }),
      );
      if ((await Promise.all(answers)).includes(false)) return false;
    }
    return true;
  } catch (error) {
    // The server may be gone before the connections were made.
    if ((error as { code?: string }).code === "ECONNREFUSED" || /did not say hello/.test(String(error)))
      return false;
    throw error;
  } finally {
    for (const client of clients) await client.close();
  }
}
