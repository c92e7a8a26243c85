import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "../../client/client.ts";
import { serve, type Server } from "../../src/server/serve.ts";
import { readManifest } from "../../src/manifest/read-manifest.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { run, type Ended } from "./memory-world.ts";

const disk = new MemoryFileSystem();
let server: Server;

beforeAll(async () => {
  server = await serve({ listen: "127.0.0.1:0", fileSystem: disk, dataDirectory: "/data" });
});

afterAll(() => server.close());

const holdfast = (...words: string[]): Promise<Ended> =>
  run(words, { environment: { HOLDFAST_URL: server.url } });

const stateOnDisk = () => readManifest(disk, "/data/manifest")!.state;

describe("checkpoint", () => {
  test("resolves once everything is in tables, and says up to where", async () => {
    expect((await holdfast("checkpoint")).output).toBe("nothing was ever written\n");
    await holdfast("put", "a", "1");
    await holdfast("put", "b", "2");
    expect(await holdfast("checkpoint")).toEqual({
      code: 0,
      output: "everything up to seq 2 is in tables\n",
      errors: "",
    });
    expect(stateOnDisk()).toMatchObject({ coveredSeq: 2, tables: [{ entryCount: 2 }] });
    expect(await holdfast("checkpoint", "--json")).toEqual({ code: 0, output: '{"seq":2}\n', errors: "" });
  });
});

describe("compact", () => {
  test("leaves each key once, and nothing of what was deleted", async () => {
    {
      await using database = await connect(server.url);
      for (let round = 0; round < 3; round++) {
        await Promise.all(Array.from({ length: 20 }, (_, index) => database.put(`k${index}`, round)));
        await database.checkpoint();
      }
      await Promise.all(Array.from({ length: 15 }, (_, index) => database.delete(`k${index}`)));
    }
    expect(await holdfast("compact")).toEqual({ code: 0, output: "everything is merged\n", errors: "" });
    const { tables } = stateOnDisk();
    expect(new Set(tables.map(({ level }) => level)).size).toBe(1);
    // a, b and k15 to k19.
    expect(tables.reduce((sum, { entryCount }) => sum + entryCount, 0)).toBe(7);
    expect(tables.every(({ tombstoneCount }) => tombstoneCount === 0)).toBeTrue();
  });
});
