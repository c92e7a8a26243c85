import { seededRandom } from "../../../src/lib/random.ts";
import { FailingFileSystem } from "../../../src/vfs/failing.ts";
import { MemoryFileSystem } from "../../../src/vfs/memory.ts";
import { Life, type Promises } from "./life.ts";
import { type Beginning, promisesOfNothing } from "./script.ts";

/**
 * Where the runs of a sweep begin: on an empty disk, and on one that a kill has left, with all that a start has to mend
 * before it serves: a torn tail, records that nothing vouches for, sealed segments that no table holds, a file that
 * nobody finished.
 */
export const beginnings: Readonly<Record<string, () => Promise<Beginning>>> = {
  "an empty disk": async () => ({ disk: new MemoryFileSystem(), promises: promisesOfNothing() }),
  "what a kill has left": async () => {
    left ??= leaveByKill();
    const { disk, promises } = await left;
    const model = promisesOfNothing().model;
    for (const { version, operations } of writtenBefore) model.apply(version, operations);
    return { disk: disk.clone(), promises: { ...promises, model, refusals: [] } };
  },
};

let left: Promise<Beginning> | undefined;

const writtenBefore: { version: number; operations: { key: string; value: string }[] }[] = [];

async function leaveByKill(): Promise<Beginning> {
  const disk = new MemoryFileSystem();
  const promises: Promises = promisesOfNothing();
  const life = await Life.start(new FailingFileSystem(disk), promises);
  const random = seededRandom(3);
  const { model } = promises;
  const apply = model.apply.bind(model);
  model.apply = (version, operations) => {
    writtenBefore.push({ version, operations: operations as { key: string; value: string }[] });
    apply(version, operations);
  };
  for (let index = 0; index < 8; index++) {
    life.write({ key: `key-${index}`, value: `${random.uint32()} `.repeat(9) });
    if (index % 3 === 0) await life.acknowledged();
  }
  await life.acknowledged();
  // The seal behind the last group has not come yet.
  const killed = disk.crash({ unsynced: "kept" });
  const known: Promises = { ...promises, refusals: [] };
  await life.close();
  const segments = killed.list("/data/wal").filter((name) => name.endsWith(".wal"));
  const last = killed.open(`/data/wal/${segments.sort().at(-1)!}`);
  last.write(Buffer.alloc(90, "torn"), last.size());
  last.close();
  for (const path of ["/data/tables/000000009999.table.tmp", "/data/wal/000000000099.wal.tmp"])
    killed.create(path).close();
  return { disk: killed, promises: known };
}
