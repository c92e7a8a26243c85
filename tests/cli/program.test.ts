import { describe, expect, test } from "bun:test";
import { openSync } from "node:fs";
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "../../client/client.ts";
import { eventually, within } from "../support/eventually.ts";
import { readGroups } from "../support/log-end.ts";
import { startServer, type RunningServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { holdfast, mainProgram, plainEnvironment } from "./holdfast-process.ts";

/**
 * The program as users run it: processes, pipes and signals. What needs none of them is tested in the files beside
 * this.
 */

const urlOf = (server: RunningServerProcess) => `holdfast://127.0.0.1:${server.port}`;
const dataDirectory = (directory: { path: string }) => join(directory.path, "data");

describe("holdfast get, put and scan", () => {
  test("pass bytes through pipes unchanged", async () => {
    using directory = temporaryDirectory();
    await using server = await startServer({ dataDirectory: dataDirectory(directory) });
    const environment = { HOLDFAST_URL: urlOf(server) };
    const input = crypto.getRandomValues(new Uint8Array(60_000));
    expect(await holdfast(["put", "photo", "-"], { input, environment })).toEqual({
      code: 0,
      output: Buffer.from("1\n"),
      errors: "",
    });
    expect((await holdfast(["get", "photo"], { environment })).output).toEqual(Buffer.from(input));
    expect(await holdfast(["get", "nope"], { environment })).toEqual({
      code: 1,
      output: Buffer.alloc(0),
      errors: "",
    });
  });

  test("write the largest value whole to a reader that takes its time", async () => {
    using directory = temporaryDirectory();
    await using server = await startServer({ dataDirectory: dataDirectory(directory) });
    const environment = { HOLDFAST_URL: urlOf(server) };
    const input = Buffer.alloc(16 * 1024 * 1024, "0123456789abcde");
    expect((await holdfast(["put", "k", "-"], { input, environment })).code).toBe(0);
    const child = Bun.spawn(
      ["sh", "-c", '"$0" "$1" get k | (sleep 0.3; cat)', process.execPath, mainProgram],
      {
        env: plainEnvironment(environment),
        stdout: "pipe",
      },
    );
    expect(Buffer.from(await new Response(child.stdout).bytes()).equals(input)).toBeTrue();
  });

  test("stop reading standard input where no value can be that long", async () => {
    using directory = temporaryDirectory();
    await using server = await startServer({ dataDirectory: dataDirectory(directory) });
    const child = Bun.spawn([process.execPath, mainProgram, "put", "k", "-"], {
      env: plainEnvironment({ HOLDFAST_URL: urlOf(server) }),
      stdin: Bun.file("/dev/zero"),
      stdout: "ignore",
      stderr: "pipe",
    });
    expect(await new Response(child.stderr).text()).toContain("is beyond the limit of 16777216");
    expect(await child.exited).toBe(6);
  });

  test("end with 141, without a word, when the reader has had enough", async () => {
    using directory = temporaryDirectory();
    await using server = await startServer({ dataDirectory: dataDirectory(directory) });
    {
      await using database = await connect(urlOf(server));
      await Promise.all(
        Array.from({ length: 3_000 }, (_, index) => database.put(`k${index}`, "x".repeat(100))),
      );
    }
    const script = '{ "$0" "$1" scan; echo $? >&2; } | head -n 1';
    const child = Bun.spawn(["sh", "-c", script, process.execPath, mainProgram], {
      env: plainEnvironment({ HOLDFAST_URL: urlOf(server) }),
      stdout: "pipe",
      stderr: "pipe",
    });
    expect(await new Response(child.stdout).text()).toStartWith("k0\t");
    expect(await new Response(child.stderr).text()).toBe("141\n");
  });

  test("end with 74 when the output's disk is full", async () => {
    using directory = temporaryDirectory();
    await using server = await startServer({ dataDirectory: dataDirectory(directory) });
    await holdfast(["put", "k", "v"], { environment: { HOLDFAST_URL: urlOf(server) } });
    const child = Bun.spawn([process.execPath, mainProgram, "get", "k"], {
      env: plainEnvironment({ HOLDFAST_URL: urlOf(server) }),
      stdout: openSync("/dev/full", "w"),
      stderr: "pipe",
    });
    expect(await new Response(child.stderr).text()).toContain("ENOSPC");
    expect(await child.exited).toBe(74);
  });
});

describe("holdfast serve", () => {
  test("drains on SIGTERM and on SIGINT: what was acknowledged is there, what was not says what became of it", async () => {
    using directory = temporaryDirectory();
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      await using server = await startServer({ dataDirectory: dataDirectory(directory) });
      await using database = await connect(urlOf(server));
      const outcomes = Array.from({ length: 500 }, (_, index) => {
        return database.put(`${signal}/${index}`, index, { timeoutMs: 2_000 }).then(
          () => "acknowledged",
          (error) => String(error.outcome),
        );
      });
      await outcomes[0];
      expect(await server.kill(signal)).toBe(0);
      const settled = await Promise.all(outcomes);
      expect(settled[0]).toBe("acknowledged");
      expect(settled).not.toContain("undefined");

      await using again = await startServer({ dataDirectory: dataDirectory(directory) });
      await using reader = await connect(urlOf(again));
      const values = await reader.getMany(settled.map((_, index) => `${signal}/${index}`));
      const lost = settled.filter((outcome, index) => outcome === "acknowledged" && values[index] !== index);
      const risen = settled.filter(
        (outcome, index) => outcome === "not-applied" && values[index] !== undefined,
      );
      expect({ lost, risen }).toEqual({ lost: [], risen: [] });
      database.close();
    }
  });

  for (const { first, second, code } of [
    { first: "SIGTERM", second: "SIGTERM", code: 143 },
    { first: "SIGTERM", second: "SIGINT", code: 130 },
  ] as const) {
    test(`that drains exits ${code} at once on a ${second} after a ${first}`, async () => {
      using directory = temporaryDirectory();
      await using server = await startServer({ dataDirectory: dataDirectory(directory) });
      await using unread = await peerThatDoesNotRead(server.port);
      process.kill(server.pid, first);
      await eventually("it takes no connections any more", () => refuses(server.port));
      // A draining server gives its peers ten seconds: it has not ended by itself.
      let ended: number | undefined;
      void server.exited.then((exit) => (ended = exit));
      const startedMs = performance.now();
      await eventually("the second signal ends it", () => {
        if (ended === undefined) process.kill(server.pid, second);
        return ended !== undefined;
      });
      expect(ended).toBe(code);
      expect(performance.now() - startedMs).toBeLessThan(5_000);
      unread.terminate();
    });
  }

  test("refuses a directory that another process serves, naming it, and leaves that one alone", async () => {
    using directory = temporaryDirectory();
    await using server = await startServer({ dataDirectory: dataDirectory(directory) });
    const { code, output, errors } = await holdfast([
      "serve",
      "--data",
      dataDirectory(directory),
      "--listen",
      "127.0.0.1:0",
    ]);
    expect({ code, output: output.toString() }).toEqual({ code: 73, output: "" });
    expect(errors).toContain(`process ${server.pid} holds its lock`);
    await using database = await connect(urlOf(server));
    await database.put("k", 1);
  });

  test("takes its settings from the environment", async () => {
    using directory = temporaryDirectory();
    const child = Bun.spawn([process.execPath, mainProgram, "serve"], {
      cwd: directory.path,
      env: plainEnvironment({ HOLDFAST_LISTEN: "127.0.0.1:0", HOLDFAST_DATA: "store", HOLDFAST_SYNC: "5ms" }),
      stdout: "pipe",
      stderr: "pipe",
    });
    const reader = child.stdout.getReader();
    const first = await within("its first line", reader.read());
    expect(new TextDecoder().decode(first.value)).toMatch(/^ready tcp:\/\/127\.0\.0\.1:\d+\n$/);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    const log = (await new Response(child.stderr).text()).trimEnd().split("\n");
    expect(JSON.parse(log[0]!)).toMatchObject({ data: "store", sync: "5ms" });
    expect((await holdfast(["wal", "verify", join(directory.path, "store")])).code).toBe(0);
  });

  const straceTest = Bun.which("strace") === null ? test.skip : test;
  straceTest(
    "exits 70 when the kernel fails a sync, and the next start has all that was acknowledged",
    async () => {
      using directory = temporaryDirectory();
      const acknowledged: number[] = [];
      {
        const trace = ["-f", "-q", "-o", "/dev/null", "-e", "trace=fdatasync"];
        const fault = ["-e", "inject=fdatasync:error=EIO:when=6+"];
        await using server = await startServer({
          dataDirectory: dataDirectory(directory),
          under: ["strace", ...trace, ...fault],
        });
        await using database = await connect(urlOf(server));
        for (let index = 0; ; index++) {
          try {
            await database.put(`k${index}`, index);
          } catch (error) {
            expect((error as { outcome: string }).outcome).toBe("unknown");
            break;
          }
          acknowledged.push(index);
        }
        expect(await within("the server to end", server.exited)).toBe(70);
        expect(await server.stderr).toContain('"code":"STORAGE_FAULT"');
        database.close();
      }
      expect(acknowledged.length).toBeGreaterThan(0);
      await using server = await startServer({ dataDirectory: dataDirectory(directory) });
      await using database = await connect(urlOf(server));
      expect(await database.getMany(acknowledged.map((index) => `k${index}`))).toEqual(acknowledged);
    },
  );
});

describe("holdfast wal", () => {
  test("looks at a directory while it is served, after a kill, and when it is damaged", async () => {
    using directory = temporaryDirectory();
    const data = dataDirectory(directory);
    const segment = join(data, "wal/000000000001.wal");
    const server = await startServer({ dataDirectory: data });
    {
      await using database = await connect(urlOf(server));
      for (let index = 0; index < 20; index++) await database.put(`k${index}`, index);
    }
    const live = await holdfast(["wal", "verify", data]);
    expect({ ...live, output: live.output.toString() }).toEqual({
      code: 0,
      output: expect.stringMatching(
        new RegExp(`^clean\n20 records, up to seq 20, .*\nprocess ${server.pid} seems to have it open`),
      ),
      errors: "",
    });
    await server.kill();
    expect((await holdfast(["wal", "verify", data])).output.toString()).not.toContain(
      "seems to have it open",
    );

    await truncate(segment, readGroups(segment).length - 1);
    const torn = await holdfast(["wal", "verify", data]);
    expect(torn.code).toBe(3);
    expect(torn.output.toString()).toMatch(/^torn tail at \d+ of .*000000000001\.wal: /);

    const bytes = Buffer.from(await Bun.file(segment).bytes());
    bytes[120]! ^= 1;
    await writeFile(segment, bytes);
    const corrupt = await holdfast(["wal", "verify", data]);
    expect(corrupt.code).toBe(1);
    expect(corrupt.output.toString()).toStartWith(`corrupt at ${segment}:96 (seq 1)\n`);
    const refused = await holdfast(["serve", "--data", data, "--listen", "127.0.0.1:0"]);
    expect({ code: refused.code, output: refused.output.toString() }).toEqual({ code: 65, output: "" });
    expect(JSON.parse(refused.errors.trimEnd().split("\n").at(-1)!)).toMatchObject({
      level: "error",
      code: "WAL_CORRUPT",
      file: segment,
      offset: 96,
      seq: 1,
    });
    const dump = await holdfast(["wal", "dump", data]);
    expect(dump.code).toBe(1);
    expect(dump.output.toString()).toContain("can't be used: ");
  });
});

/** A peer that asks for far more than sockets hold and reads none of it, so that no drain can be done with it. */
async function peerThatDoesNotRead(port: number): Promise<{ terminate(): void } & AsyncDisposable> {
  await using writer = await connect(`holdfast://127.0.0.1:${port}`);
  await writer.put("large", new Uint8Array(8 * 1024 * 1024));
  const { ByteWriter } = await import("../../src/lib/byte-writer.ts");
  const { encodeGet, encodeHello } = await import("../../src/protocol/request-encoder.ts");
  const frames = new ByteWriter(1024);
  encodeHello(frames, 1, {});
  for (let id = 2; id < 10; id++) encodeGet(frames, id, Buffer.from("large"));
  const { promise: answered, resolve } = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(peer) {
        peer.pause();
        resolve();
      },
    },
  });
  socket.write(frames.bytes.subarray(0, frames.length));
  await within("the first answer", answered);
  return {
    terminate: () => socket.terminate(),
    async [Symbol.asyncDispose]() {
      socket.terminate();
    },
  };
}

async function refuses(port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } });
    socket.terminate();
    return false;
  } catch {
    return true;
  }
}
