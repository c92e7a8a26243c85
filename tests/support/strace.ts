import { test } from "bun:test";
import { join } from "node:path";

/** Why system calls can't be traced here; undefined: they can. */
export const whyNoStrace: string | undefined = findOut();

function findOut(): string | undefined {
  if (process.platform !== "linux") return "it takes the strace of Linux";
  if (Bun.which("strace") === null) return "strace is missing (Debian, Ubuntu: apt-get install strace)";
  const what = ["-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=1"];
  const trial = ["strace", "-f", "--seccomp-bpf", ...what, "-o", "/dev/null", "true"];
  const { exitCode, stderr } = Bun.spawnSync(trial);
  return exitCode === 0 ? undefined : `strace can't work here: ${stderr.toString().trim()}`;
}

/** A test that needs strace; without it, says loudly what was not tested, and why. */
export function testWithStrace(name: string, body: () => Promise<void>): void {
  if (whyNoStrace !== undefined) console.warn(`SKIPPED, because ${whyNoStrace}: ${name}`);
  test.skipIf(whyNoStrace !== undefined)(name, body);
}

export interface StraceOptions {
  /** Where the trace goes. */
  readonly output: string;
  readonly calls: readonly string[];
  /** Only calls that touch these files or directories; without it, all. */
  readonly paths?: readonly string[];
  /** What is done to calls: "fdatasync:error=EIO:when=3". Counted for each thread by itself. */
  readonly inject?: string;
  /** Each line says when it happened, in seconds; parseTrace knows nothing of that. */
  readonly hasTimes?: boolean;
}

/** The words to put before a command. */
export function straceWords(options: StraceOptions): string[] {
  const { output, calls, paths = [], inject, hasTimes = false } = options;
  // Only the traced calls stop the process, which is much quicker. A signal is injected at stops that this leaves out.
  const speed = inject?.includes(":signal=") ? [] : ["--seccomp-bpf"];
  const injection = inject === undefined ? [] : ["-e", `inject=${inject.replace(/^\w+/, spellings)}`];
  const places = paths.flatMap((path) => ["-P", path]);
  const bytesShown = `${16 * 1024 * 1024}`;
  const format = ["-y", "-xx", "-s", bytesShown, "-o", output, ...(hasTimes ? ["-ttt"] : [])];
  const traced = `trace=${calls.map(spellings).join(",")}`;
  return ["strace", "-f", ...speed, ...format, ...places, "-e", traced, ...injection];
}

/** The names that a call has on the architectures of Linux. Those with a question mark need not exist. */
function spellings(call: string): string {
  return (
    { mkdir: "?mkdir,?mkdirat", rename: "?rename,?renameat,?renameat2", unlink: "?unlink,?unlinkat" }[call] ??
    call
  );
}

/** Calls that change files. */
export const fileCalls = [
  "openat",
  "mkdir",
  "rename",
  "unlink",
  "pwrite64",
  "ftruncate",
  "fsync",
  "fdatasync",
] as const;

/** Calls that bytes can leave a process by, to a file or to a socket. */
export const outputCalls = [
  "write",
  "writev",
  "pwritev",
  "pwritev2",
  "sendto",
  "sendmsg",
  "sendmmsg",
  "sendfile",
] as const;

/** Some of a store's paths, for `paths`: an injection counts the calls on them alone. */
export type StorePart = "everything" | "tables";

/** Every path that a server may touch which has not been through much. */
export function pathsOf(dataDirectory: string, part: StorePart): string[] {
  const tables = numbered(join(dataDirectory, "tables"), tableNumberMax, ".table");
  if (part === "tables") return tables;
  const log = numbered(join(dataDirectory, "wal"), 30, ".wal");
  const manifests = numbered(join(dataDirectory, "manifest"), 30, ".manifest");
  const lock = join(dataDirectory, "wal", "LOCK");
  return [join(dataDirectory, ".."), dataDirectory, lock, ...log, ...manifests, ...tables];
}

/** Each flush and each merge reserves more numbers than it needs, so that few of them ever stand for a file. */
const tableNumberMax = 2_000;

/** A directory, and the files in it, finished and unfinished ones. */
function numbered(directory: string, numberMax: number, ending: string): string[] {
  const numbers = Array.from({ length: numberMax }, (_, index) => String(index + 1).padStart(12, "0"));
  const names = numbers.map((number) => join(directory, `${number}${ending}`));
  return [directory, ...names.flatMap((name) => [name, `${name}.tmp`])];
}

/** Preloaded into a server whose syncs are counted: they are all made by one thread then. */
export const oneSyncThread = join(import.meta.dir, "one-sync-thread-fixture.ts");
