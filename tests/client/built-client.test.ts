import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildClient } from "../../.ci/build-client.ts";
import { serve, type Server } from "../../src/server/serve.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { behaviours } from "./behaviours.ts";

/** A project that has the package installed as npm would: its package.json, the build, and what that depends on. */
const root = join(import.meta.dir, "..", "..");
const project = temporaryDirectory();
const data = temporaryDirectory();
let server: Server;

beforeAll(async () => {
  const installed = join(project.path, "node_modules", "holdfast");
  mkdirSync(installed, { recursive: true });
  copyFileSync(join(root, "package.json"), join(installed, "package.json"));
  buildClient(join(installed, "dist"));
  symlinkSync(join(root, "node_modules", "msgpackr"), join(project.path, "node_modules", "msgpackr"));
  writeFileSync(
    join(project.path, "package.json"),
    '{ "type": "module", "dependencies": { "holdfast": "*" } }',
  );
  copyFileSync(join(import.meta.dir, "run-behaviours-fixture.mjs"), join(project.path, "run.mjs"));
  const { success } = await Bun.build({
    entrypoints: [join(import.meta.dir, "behaviours.ts")],
    outdir: project.path,
    target: "node",
  });
  expect(success).toBe(true);
  server = await serve({ dataDirectory: data.path, listen: "127.0.0.1:0" });
});

afterAll(async () => {
  await server.close();
  project[Symbol.dispose]();
  data[Symbol.dispose]();
});

/** Run times beside Bun, as far as this machine has them. Node comes with npm. */
const runtimes: { name: string; command: string[] }[] = [
  { name: "Node", command: ["node"] },
  { name: "Deno", command: ["deno", "run", "--allow-net", "--allow-env", "--allow-read"] },
];

describe("the built client", () => {
  for (const { name, command } of runtimes) {
    test.skipIf(Bun.which(command[0]!) === null)(
      `behaves under ${name} as the source does under Bun`,
      async () => {
        // A process that hangs because of an open socket or timer would not end: the test would, by its time.
        await using child = Bun.spawn([...command, "run.mjs", server.url, `${name}-`], {
          cwd: project.path,
          stdout: "pipe",
          stderr: "pipe",
        });
        const [output, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
        const results = output
          .split("\n")
          .filter((line) => line !== "")
          .map((line) => JSON.parse(line) as { name: string; failure?: string });
        expect(results.filter((result) => result.failure !== undefined)).toEqual([]);
        expect({ names: results.map((result) => result.name), errors, exitCode: await child.exited }).toEqual(
          {
            names: behaviours.map((behaviour) => behaviour.name),
            errors: "",
            exitCode: 0,
          },
        );
      },
    );
  }

  test("has declarations that need neither Bun's types nor Node's", () => {
    writeFileSync(join(project.path, "consumer.ts"), consumer);
    const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
    for (const [module, resolution] of [
      ["nodenext", "nodenext"],
      ["preserve", "bundler"],
    ]) {
      const compilerOptions = {
        module,
        moduleResolution: resolution,
        target: "esnext",
        lib: ["esnext", "dom"],
        types: [],
        strict: true,
        noEmit: true,
        skipLibCheck: false,
      };
      writeFileSync(
        join(project.path, "tsconfig.json"),
        JSON.stringify({ compilerOptions, files: ["consumer.ts"] }),
      );
      const { stdout, status } = spawnSync(process.execPath, [compiler, "--project", project.path], {
        encoding: "utf8",
      });
      expect({ stdout, status }).toEqual({ stdout: "", status: 0 });
    }
  });
});

/** A program as a user writes it. What it must not be able to say is marked, and the compiler complains if it can. */
const consumer = `
import { codecs, connect, ConflictError, SnapshotExpiredError, UnknownOutcomeError } from "holdfast";
import type { Database, ReadonlyKeyspace, Snapshot } from "holdfast";

interface User {
  name: string;
}

await using db: Database = await connect("holdfast://127.0.0.1", { timeoutMs: 5_000, onWarning: console.warn });
const users = db.keyspace<User>("users/");
const user: User | undefined = await users.get("ada", { signal: AbortSignal.timeout(100) });
const entry: { value: User; version: number } | undefined = await users.getEntry("ada");
const { version }: { version: number } = await users.put("ada", { name: "Ada" }, { ifAbsent: true });
for await (const { key, value } of users.scan({ reverse: true })) {
  const text: string = key + value.name;
}
await using snapshot: Snapshot = await db.snapshot({ leaseMs: 60_000 });
const then: ReadonlyKeyspace<User> = snapshot.keyspace<User>("users/");
const [before]: (User | undefined)[] = await then.getMany(["ada"]);
for await (const { key } of then.scan({ keysOnly: true })) console.log(key.length, snapshot.seq);
const { seq }: { seq: number } = await db.checkpoint();
await db.compact({ timeoutMs: 60_000 });
const blobs = db.keyspace("blobs/", { codec: codecs.bytes, keys: "bytes" });
for await (const { key, value } of blobs.scan()) {
  const bytes: Uint8Array[] = [key, value];
}
await users.batch().put("ada", { name: "Ada" }).within(blobs).put("ada", new Uint8Array(1)).commit();
try {
  await users.delete("ada", { ifVersion: version });
} catch (error) {
  if (error instanceof ConflictError) console.log(error.actualVersion, error.operationIndex);
  if (error instanceof UnknownOutcomeError) console.log(error.code);
  if (error instanceof SnapshotExpiredError) console.log(error.outcome);
}
// @ts-expect-error
await users.put("ada", { nam: "Ada" });
// @ts-expect-error
await users.batch().within(blobs).put("ada", "text");
// @ts-expect-error
await users.delete("ada", { ifAbsent: true });
// @ts-expect-error
await users.get(7);
// @ts-expect-error
await then.put("ada", { name: "Ada" });
`;
