import { describe, expect, test } from "bun:test";
import { readFile, stat, writeFile } from "node:fs/promises";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { connect, type Database } from "../../client/client.ts";
import { eventually } from "../support/eventually.ts";
import { startServer } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { holdfast } from "./holdfast-process.ts";

/** check, backup and restore as users run them: beside a server that writes, on the disk. */

const segmentBytesMax = 16 * 1024;

/** Runs the program, and expects it to say nothing but its output. */
async function said(...words: string[]): Promise<{ code: number; output: string }> {
  const { code, output, errors } = await holdfast(words);
  expect(errors).toBe("");
  return { code, output: output.toString() };
}

describe("holdfast backup, restore and check", () => {
  test("under heavy writes: a backup has all that was acknowledged before, and stays as it is", async () => {
    using directory = temporaryDirectory();
    const at = (name: string) => join(directory.path, name);
    const data = at("data");
    const server = await startServer({ dataDirectory: data, segmentBytesMax });
    const writers = new Writers(await connect(`holdfast://127.0.0.1:${server.port}`));
    const kept: { name: string; acknowledged: number[] }[] = [];
    for (const [index, flags] of [[], ["--copy"], [], ["--copy"]].entries()) {
      await writers.goOn(200);
      const acknowledged = [...writers.acknowledged];
      const name = at(`backups/${index}`);
      const { code, output } = await said("backup", "--json", ...flags, data, `${name}/`);
      expect(code).toBe(0);
      const report = JSON.parse(output);
      expect(report.check.findings).toEqual([]);
      expect(flags.length === 0 ? report.tablesCopied : report.tablesLinked).toBe(0);
      kept.push({ name, acknowledged });
    }
    const refused = await holdfast(["check", data]);
    expect(refused).toMatchObject({
      code: 73,
      errors: expect.stringContaining(`process ${server.pid} has it open`),
    });
    // The server goes on, merges everything and deletes what the backups have as well.
    await writers.goOn(200);
    expect((await said("compact", "--url", `holdfast://127.0.0.1:${server.port}`)).code).toBe(0);
    await writers.end();
    await server.kill();
    expect([0, 3]).toContain((await said("check", data)).code);

    for (const { name, acknowledged } of kept) {
      expect(await said("check", name)).toMatchObject({
        code: 0,
        output: expect.stringMatching(/^clean\n[^\n]*\n$/),
      });
      const restored = `${name}-restored`;
      expect((await said("restore", name, restored)).code).toBe(0);
      await using again = await startServer({ dataDirectory: restored, segmentBytesMax });
      await using database = await connect(`holdfast://127.0.0.1:${again.port}`);
      for (const [writer, last] of acknowledged.entries()) {
        const entries = await database.scan({ prefix: `${writer}/` }).all();
        const found = Number(entries.find(({ key }) => key === `${writer}/last`)!.value);
        expect(found).toBeGreaterThanOrEqual(last);
        expect(Object.fromEntries(entries.map(({ key, value }) => [key, value]))).toEqual(
          contentAfter(writer, found),
        );
      }
      await again.kill("SIGTERM");
      // What was served from a copy is a store of its own: the backup is untouched.
      expect((await said("check", name)).code).toBe(0);
    }
  }, 60_000);

  test("link tables, which then share their bytes, and copy everything else", async () => {
    using directory = temporaryDirectory();
    const [data, backup] = [join(directory.path, "data"), join(directory.path, "backup")];
    const server = await startServer({ dataDirectory: data, segmentBytesMax });
    {
      await using database = await connect(`holdfast://127.0.0.1:${server.port}`);
      await database.put("k", "v");
      await database.checkpoint();
    }
    await server.kill("SIGTERM");
    expect((await said("backup", data, backup)).output).toContain("1 table linked, 0 copied");
    const inodes = (path: string) => readdirSync(path).map((name) => statSync(join(path, name)).ino);
    expect(inodes(join(backup, "tables"))).toEqual(inodes(join(data, "tables")));
    for (const part of ["wal", "manifest"]) {
      const shared = inodes(join(backup, part)).filter((inode) => inodes(join(data, part)).includes(inode));
      expect({ part, shared }).toEqual({ part, shared: [] });
    }
    expect((await stat(backup)).mode & 0o777).toBe(0o700);
  });

  test("find damage in every kind of file, the lock's too, and change nothing", async () => {
    using directory = temporaryDirectory();
    const data = join(directory.path, "data");
    const server = await startServer({ dataDirectory: data, segmentBytesMax });
    {
      await using database = await connect(`holdfast://127.0.0.1:${server.port}`);
      await Promise.all(Array.from({ length: 50 }, (_, index) => database.put(`k${index}`, "x".repeat(100))));
      await database.checkpoint();
      await database.put("later", "x");
    }
    await server.kill("SIGTERM");
    const paths = ["wal", "tables", "manifest"].flatMap((part) =>
      readdirSync(join(data, part)).map((name) => join(data, part, name)),
    );
    expect(paths.length).toBeGreaterThanOrEqual(4);
    for (const path of paths) {
      const bytes = await readFile(path);
      const damaged = Buffer.from(bytes);
      damaged[9]! ^= 0x10;
      await writeFile(path, damaged);
      const { code, output } = await said("check", data);
      expect({ path, code }).toEqual({ path, code: path.endsWith("LOCK") ? 3 : 1 });
      expect(output).toContain(` at ${path}:`);
      expect(await readFile(path)).toEqual(damaged);
      await writeFile(path, bytes);
    }
    expect((await said("check", data)).code).toBe(0);
    const table = paths.find((path) => path.endsWith(".table"))!;
    expect((await said("table", "verify", table)).output).toStartWith("clean\n50 entries, ");
    expect((await said("table", "dump", table)).output).toContain('"k7"  version ');
    expect((await said("manifest", "dump", data)).output).toContain("\nclean\n");
  });
});

/** Writers that each number their writes; what is left of one shows how many there were. */
class Writers {
  readonly acknowledged = [0, 0, 0, 0];
  readonly #database: Database;
  readonly #loops: Promise<void>[];
  #isEnding = false;

  constructor(database: Database) {
    this.#database = database;
    this.#loops = this.acknowledged.map((_, writer) => this.#run(writer));
  }

  async goOn(count: number): Promise<void> {
    const goals = this.acknowledged.map((last) => last + count);
    await eventually("more is written", () =>
      this.acknowledged.every((last, writer) => last >= goals[writer]!),
    );
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await Promise.all(this.#loops);
    this.#database.close();
  }

  async #run(writer: number): Promise<void> {
    for (let number = 1; !this.#isEnding; number++) {
      const { key, value } = operationOf(writer, number);
      const batch = this.#database.batch().put(`${writer}/last`, String(number));
      await (value === undefined ? batch.delete(key) : batch.put(key, value)).commit();
      this.acknowledged[writer] = number;
    }
  }
}

function operationOf(writer: number, number: number): { key: string; value?: string } {
  const key = `${writer}/${(number * 7) % 60}`;
  return number % 9 === 0 ? { key } : { key, value: `${number} `.repeat(40) };
}

function contentAfter(writer: number, count: number): Record<string, string> {
  const content: Record<string, string> = { [`${writer}/last`]: String(count) };
  for (let number = 1; number <= count; number++) {
    const { key, value } = operationOf(writer, number);
    if (value === undefined) delete content[key];
    else content[key] = value;
  }
  return content;
}
