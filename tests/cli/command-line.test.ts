import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { serve } from "../../src/server/serve.ts";
import { MemoryFileSystem } from "../../src/vfs/memory.ts";
import { commands } from "../../src/cli/commands.ts";
import { exitCode, exitCodeMeanings, exitCodeOf } from "../../src/cli/exit-codes.ts";
import { run } from "./memory-world.ts";

describe("a usage error", () => {
  const cases: readonly {
    name: string;
    words: string[];
    says: string;
    environment?: Record<string, string>;
  }[] = [
    { name: "no command", words: [], says: "the command is missing" },
    {
      name: "an unknown command",
      words: ["gte", "k"],
      says: '"gte": there is no such command; did you mean get?',
    },
    { name: "a word like no command", words: ["frobnicate"], says: "there is no such command\n" },
    { name: "half a command", words: ["wal"], says: "a word is missing\n  wal dump" },
    { name: "the wrong half", words: ["wal", "dmup"], says: 'no "wal dmup"; did you mean wal dump?' },
    { name: "a flag first", words: ["--json", "get", "k"], says: "--json here: the command comes first" },
    {
      name: "an unknown flag",
      words: ["scan", "--prefx", "a"],
      says: "--prefx: there is no such flag; did you mean --prefix?",
    },
    {
      name: "an unknown short flag",
      words: ["get", "-x"],
      says: "-x: there is no such flag; an argument that begins with -",
    },
    {
      name: "a missing operand",
      words: ["put", "k"],
      says: "Cannot put: VALUE is missing (the value; - reads it",
    },
    {
      name: "an operand too many",
      words: ["get", "a", "b"],
      says: 'Cannot get: "b" is too much; it takes KEY',
    },
    {
      name: "a flag without its value",
      words: ["scan", "--limit"],
      says: "--limit: its value is missing; write --limit N",
    },
    {
      name: "a flag as a flag's value",
      words: ["scan", "--limit", "--json"],
      says: "--limit --json: that looks like a flag",
    },
    { name: "a value for a switch", words: ["scan", "--reverse=1"], says: "--reverse takes no value" },
    {
      name: "a number that is none",
      words: ["scan", "--limit", "ten"],
      says: '"ten": it must be a whole number, 0 or more (from --limit)',
    },
    {
      name: "hexadecimal that is none",
      words: ["get", "--hex", "abc"],
      says: "the key: with --hex it is an even number of",
    },
    {
      name: "two conditions",
      words: ["put", "k", "v", "--if-absent", "--if-version", "1"],
      says: "choose one",
    },
    {
      name: "a URL that is none, from a flag",
      words: ["get", "k", "--url", "redis://h"],
      says: "(from --url)",
    },
    {
      name: "a URL that is none, from the environment",
      words: ["get", "k"],
      environment: { HOLDFAST_URL: "redis://h" },
      says: "(from HOLDFAST_URL in the environment)",
    },
    { name: "a sync mode that is none", words: ["serve", "--sync", "5s"], says: 'Cannot sync "5s": ' },
    {
      name: "a sync mode that is none, from the environment",
      words: ["serve"],
      environment: { HOLDFAST_SYNC: "sometimes" },
      says: "(from HOLDFAST_SYNC in the environment)",
    },
    {
      name: "a switch in the environment that is neither on nor off",
      words: ["serve"],
      environment: { HOLDFAST_ALLOW_REMOTE: "maybe" },
      says: "(from HOLDFAST_ALLOW_REMOTE in the environment)",
    },
    { name: "an address that is none", words: ["serve", "--listen", "4653"], says: "it is not HOST:PORT" },
    {
      name: "an address for all the world",
      words: ["serve", "--listen", "0.0.0.0:0"],
      says: "the flag --allow-remote",
    },
  ];

  for (const { name, words, says, environment = {} } of cases) {
    test(`like ${name} exits 2, says what is wrong and gives an example`, async () => {
      const { code, output, errors } = await run(words, { environment });
      expect({ code, output }).toEqual({ code: 2, output: "" });
      expect(errors).toStartWith("holdfast: Cannot ");
      expect(errors).toContain(says);
      expect(errors).toMatch(/\nExample: holdfast .*\nHelp: holdfast (.* )?--help\n$/);
    });
  }

  test("of a flag is the flag's, though the environment is wrong as well", async () => {
    const { errors } = await run(["serve", "--sync", "5s"], { environment: { HOLDFAST_SYNC: "sometimes" } });
    expect(errors).toContain('"5s"');
    expect(errors).toContain("(from --sync)");
  });
});

describe("help", () => {
  test("of all names every command and every exit code", async () => {
    const { code, output } = await run(["--help"]);
    expect(code).toBe(0);
    const width = Math.max(...commands.map(({ name }) => name.length));
    for (const { name, summary } of commands)
      expect(output).toContain(`  ${name.padEnd(width)}  ${summary}\n`);
    for (const [name, meaning] of Object.entries(exitCodeMeanings)) {
      expect(output).toContain(`${exitCode[name as keyof typeof exitCode]} `);
      expect(output).toContain(meaning);
    }
    expect(await run(["help"])).toEqual({ code, output, errors: "" });
    expect(await run(["-h"])).toEqual({ code, output, errors: "" });
  });

  for (const command of commands) {
    test(`of ${command.name} tells its operands, flags, variables and an example, in lines that fit`, async () => {
      const { code, output } = await run([...command.name.split(" "), "--help"]);
      expect(code).toBe(0);
      for (const operand of command.operands) expect(output).toContain(`  ${operand.name} `);
      for (const [name, flag] of Object.entries(command.flags)) {
        expect(output).toContain(`  --${name}`);
        expect(output).toContain(flag.environment ?? "");
        expect(output).toContain(flag.default ?? "");
      }
      for (const example of command.examples) expect(output).toContain(`  ${example}\n`);
      expect(Math.max(...output.split("\n").map((line) => line.length))).toBeLessThanOrEqual(120);
      expect((await run(["help", ...command.name.split(" ")])).output).toBe(output);
    });
  }

  test("comes before anything else is found wrong", async () => {
    expect((await run(["put", "--help"])).code).toBe(0);
    expect((await run(["get", "a", "b", "-h"])).code).toBe(0);
  });

  test("of a group is that of its members", async () => {
    const { code, output } = await run(["wal", "--help"]);
    expect(code).toBe(0);
    expect(output).toContain("holdfast wal dump: ");
    expect(output).toContain("holdfast wal verify: ");
  });
});

test("the README names every command, with its operands, and every exit code", async () => {
  const readme = await Bun.file(join(import.meta.dir, "../../README.md")).text();
  const section = readme.slice(readme.indexOf("## The command line"), readme.indexOf("## Embedding"));
  const rows = section.split("\n").filter((line) => line.startsWith("| "));
  const named = rows.flatMap((row) => [...row.split("|")[1]!.matchAll(/`([^`]+)`/g)].map(([, name]) => name));
  for (const { name, operands } of commands) {
    // The commands that talk to a server are listed together, without theirs.
    const full = [name, ...operands.map((operand) => operand.name)].join(" ");
    expect({ name, isNamed: named.includes(full) || named.includes(name) }).toEqual({ name, isNamed: true });
  }
  const codes = rows.flatMap((row) => row.split("|")[1]!.match(/\b\d+\b/g) ?? []).map(Number);
  expect(codes.sort((one, other) => one - other)).toEqual(
    Object.values(exitCode).sort((one, other) => one - other),
  );
});

test("no two flags share an environment variable, and each is named after its flag", () => {
  for (const { flags } of commands) {
    for (const [name, { environment }] of Object.entries(flags)) {
      if (environment !== undefined)
        expect(environment).toBe(`HOLDFAST_${name.toUpperCase().replaceAll("-", "_")}`);
    }
  }
});

test("--version prints the version of the package", async () => {
  expect(await run(["--version"])).toEqual({ code: 0, output: `holdfast ${manifest.version}\n`, errors: "" });
});

describe("exit codes", () => {
  test("are the published ones", () => {
    expect(exitCode).toEqual({
      ok: 0,
      no: 1,
      usage: 2,
      torn: 3,
      conflict: 4,
      unknownOutcome: 5,
      refused: 6,
      damaged: 65,
      noInput: 66,
      unavailable: 69,
      fault: 70,
      bug: 71,
      locked: 73,
      inputOutput: 74,
      timeout: 75,
      protocol: 76,
      interrupted: 130,
      pipeClosed: 141,
      terminated: 143,
    });
  });

  test("tell a disk that fails from one that was asked for something it may not do", () => {
    const systemError = (code: string) => Object.assign(new Error(code), { code, syscall: "fsync" });
    expect(["EIO", "ENOSPC", "EDQUOT", "EROFS"].map(systemError).map(exitCodeOf)).toEqual([70, 70, 70, 70]);
    expect(["EACCES", "ENOENT", "ENOTDIR"].map(systemError).map(exitCodeOf)).toEqual([74, 74, 74]);
  });

  test("call what nobody foresaw a bug", () => {
    expect(exitCodeOf(new TypeError("x is not a function"))).toBe(71);
    expect(exitCodeOf("thrown text")).toBe(71);
    expect(exitCodeOf(undefined)).toBe(71);
  });

  test("69: there is no server", async () => {
    using nobody = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const { port } = nobody;
    nobody.stop(true);
    const { code, errors } = await run(["get", "k", "--url", `holdfast://127.0.0.1:${port}`]);
    expect(code).toBe(69);
    expect(errors).toStartWith(`holdfast: Cannot connect to holdfast://127.0.0.1:${port}`);
  });

  test("76: what answers is no Holdfast server", async () => {
    using stranger = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(socket) {
          socket.write("HTTP/1.1 400 Bad Request\r\n\r\n");
        },
      },
    });
    const { code } = await run(["get", "k", "--url", `holdfast://127.0.0.1:${stranger.port}`]);
    expect(code).toBe(76);
  });

  test("5 and 75: a write that was sent and not answered may have happened, a read may be asked again", async () => {
    const fileSystem = new MemoryFileSystem();
    const server = await serve({ listen: "127.0.0.1:0", dataDirectory: "/data", fileSystem });
    fileSystem.holdSyncs(true);
    const url = `${server.url}?timeout=300ms`;
    const write = await run(["put", "k", "v", "--url", url]);
    expect(write.code).toBe(5);
    expect(write.errors).toStartWith('holdfast: Cannot tell whether this happened: put "k"');
    // What is there is not durable yet, so the server keeps its answer back.
    expect((await run(["get", "k", "--url", url])).code).toBe(75);
    fileSystem.holdSyncs(false);
    for (const sync of fileSystem.heldSyncs) sync.release();
    expect(await run(["get", "k", "--url", server.url])).toMatchObject({ code: 0, output: "v" });
    await server.close();
  });
});
