import { readdirSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import type { Oracle } from "./oracle.ts";
import type { Seen } from "./oracle-types.ts";
import { RawStoreClient } from "./raw-store-client.ts";
import type { SizedOperation } from "./store-client.ts";
import type { TagSource } from "./workload.ts";

/** What the script is played to. */
export interface ScriptedServer {
  readonly port: number;
  readonly oracle: Oracle;
  readonly tags: TagSource;
  /** Where its files are, if it is to flush and merge everything in between and in the end. */
  readonly mergesIn?: string | undefined;
}

/**
 * A short run that is the same every time: two connections, every kind of write, several requests a group, and
 * records large enough to begin new segments where those are tiny. May be cut off anywhere; false if it was.
 */
export async function runScript(server: ScriptedServer): Promise<boolean> {
  let clients: RawStoreClient[] = [];
  try {
    clients = [await RawStoreClient.open(server.port), await RawStoreClient.open(server.port)];
    const [client] = clients as [RawStoreClient];
    if (!(await write(server, clients))) return false;
    if (server.mergesIn === undefined) return true;
    if (!(await client.compact()) || !(await write(server, clients)) || !(await client.compact()))
      return false;
    return (await readAll(server, client)) && (await settled(server.mergesIn, client));
  } catch (error) {
    // The server may be gone before the connections were made.
    if ((error as { code?: string }).code === "ECONNREFUSED" || /did not say hello/.test(String(error)))
      return false;
    throw error;
  } finally {
    for (const client of clients) await client.close();
  }
}

const keys = ["a", "b", "c", "d", "e", "f"];

async function write({ oracle, tags }: ScriptedServer, clients: readonly RawStoreClient[]): Promise<boolean> {
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
  const send = async (connection: number, given: SizedOperation[]): Promise<boolean> => {
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      // A value that was refused is never seen: what is sent anew is another one.
      const retagged = ({ tag, ...operation }: SizedOperation) => ({
        ...operation,
        tag: tag && tags.nextTag++,
      });
      const operations = attempt === 1 ? given : given.map(retagged);
      const isBatch = operations.length > 1;
      const write = oracle.send(connection, operations, isBatch);
      const answer = await clients[connection]!.write(operations, isBatch);
      if (answer.kind === "unknown") return false;
      if (answer.kind === "written") {
        oracle.acknowledged(write, answer.version);
        for (const { key, type } of operations) versions.set(key, type === "put" ? answer.version : 0);
        return true;
      }
      if (answer.kind === "conflict") {
        oracle.conflicted(write, answer.operationIndex, answer.actualVersion);
        return true;
      }
      oracle.refused(write);
      await Bun.sleep(attemptPauseMs);
    }
    return false;
  };
  for (const burst of bursts) {
    const answers = burst().flatMap((requests, connection) =>
      requests.map((operations) => send(connection, operations)),
    );
    if ((await Promise.all(answers)).includes(false)) return false;
  }
  return true;
}

/** A full disk refuses writes until it has room again, and a failed one until the server is gone. */
const attemptsMax = 200;
const attemptPauseMs = 50;

async function readAll({ oracle }: ScriptedServer, client: RawStoreClient): Promise<boolean> {
  const since = oracle.beginRead();
  const entries = await client.scanAll({});
  if (entries === undefined) return false;
  const page = new Map<string, Seen | undefined>(keys.map((key) => [key, undefined]));
  for (const [key, seen] of entries) page.set(key, seen);
  oracle.sawPage(since, page);
  return true;
}

/** Waits until nothing is left of what was merged: files go a little later than the last reader. */
async function settled(dataDirectory: string, client: RawStoreClient): Promise<boolean> {
  const isSettled = await eventually("what was merged is deleted", async () => {
    const stats = await client.statsIfAnswered();
    if (stats === undefined) return "cut off";
    const { segments, tables } = stats.store;
    const counts = {
      segments: count(dataDirectory, "wal", ".wal"),
      tables: count(dataDirectory, "tables", ""),
    };
    return counts.segments === segments && counts.tables === tables && "settled";
  });
  return isSettled === "settled";
}

function count(dataDirectory: string, folder: string, ending: string): number {
  return readdirSync(join(dataDirectory, folder)).filter((name) => name.endsWith(ending)).length;
}
