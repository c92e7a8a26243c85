import { constants } from "node:os";
import { dlopen, read, type Pointer } from "bun:ffi";
import { HoldfastError } from "../lib/errors.ts";

/**
 * The system calls that node:fs has no name for, and the only importer of bun:ffi. The library is loaded when
 * the first of them is needed: whoever takes no lock runs where there is no libc that we know.
 */

/** Takes the exclusive lock of an open file without waiting; false if somebody else has it. */
export function tryFlock(fd: number): boolean {
  const errno = flock(fd, LOCK_EX | LOCK_NB);
  if (errno === constants.errno.EWOULDBLOCK) return false;
  if (errno !== 0) throw new LibcError("LOCK_FAILED", "flock", errno, "use a file system that has locks");
  return true;
}

/** Gives the lock back, also when a child that is just being forked still has a copy of the descriptor. */
export function releaseFlock(fd: number): void {
  const errno = flock(fd, LOCK_UN);
  if (errno !== 0)
    throw new LibcError("LOCK_FAILED", "flock", errno, "stop the process, which frees the lock");
}

/**
 * macOS: makes the drive empty its cache, which fsync there does not ask for. Blocks until it has. A file system
 * that cannot do it (some network mounts) is an error, because nothing weaker would keep the promise.
 */
export function fullSync(fd: number): void {
  const errno = fcntl(fd, F_FULLFSYNC);
  if (errno !== 0) throw new LibcError("FULL_SYNC_FAILED", "fcntl(F_FULLFSYNC)", errno, "use a local disk");
}

/**
 * Lets other threads go first where they want the same processor: by so much as `nice -n` adds, to what the process was
 * started with. It only does so on Linux, where each thread has a priority of its own; elsewhere the call would slow
 * down the whole process. Where the system refuses, the thread stays as it is.
 */
export function lowerThreadPriority(by: number): void {
  if (process.platform !== "linux") return;
  try {
    libc ??= loadLibc();
    libc.nice(by);
  } catch (error) {
    // A system whose libc we do not know runs its jobs at the priority of the rest; its locks will say so.
    if (!(error instanceof HoldfastError)) throw error;
  }
}

/**
 * How much the system keeps for each way of a socket's connection; those that are accepted from a listening socket
 * have its numbers. Linux counts its own overhead too, for which it doubles them. Where the system refuses, and on
 * others than Linux, its own rules go on.
 */
export function limitSocketBuffers(fd: number, bytes: number): void {
  if (process.platform !== "linux") return;
  try {
    libc ??= loadLibc();
    for (const option of [SO_SNDBUF, SO_RCVBUF])
      libc.setsockopt(fd, SOL_SOCKET, option, Int32Array.of(bytes));
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
  }
}

const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;
/** Only macOS knows this number; it takes no argument, so the call is safe although fcntl is variadic. */
const F_FULLFSYNC = 51;
/** As Linux numbers them. */
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;

class LibcError extends HoldfastError {
  constructor(code: string, call: string, errno: number, nextStep: string) {
    super(code, `Cannot ${call}: the system answers ${errnoName(errno)}; ${nextStep}`);
  }
}

function errnoName(errno: number): string {
  const entry = Object.entries(constants.errno).find(([, number]) => number === errno);
  return entry?.[0] ?? `errno ${errno}`;
}

/** Calls that can fail answer 0 or the errno. */
interface Libc {
  flock(fd: number, operation: number): number;
  fcntl(fd: number, command: number): number;
  setsockopt(fd: number, level: number, option: number, value: Int32Array): number;
  /** Of the calling thread, on Linux. Its answer is no errno, and of no interest. */
  nice(increment: number): number;
}

function flock(fd: number, operation: number): number {
  libc ??= loadLibc();
  return libc.flock(fd, operation);
}

function fcntl(fd: number, command: number): number {
  libc ??= loadLibc();
  return libc.fcntl(fd, command);
}

let libc: Libc | undefined;

/** glibc, musl and macOS name the same library differently. */
function libcNames(): readonly string[] {
  if (process.platform === "darwin") return ["libSystem.B.dylib"];
  if (process.platform !== "linux") return [];
  const musl = process.arch === "arm64" ? "libc.musl-aarch64.so.1" : "libc.musl-x86_64.so.1";
  return ["libc.so.6", musl];
}

function loadLibc(): Libc {
  const causes: unknown[] = [];
  for (const name of libcNames()) {
    try {
      return bindLibc(name);
    } catch (cause) {
      causes.push(cause);
    }
  }
  throw new HoldfastError(
    "LOCK_UNSUPPORTED",
    `Cannot lock a directory: no libc that Holdfast knows on ${process.platform} ${process.arch}; run it on Linux or macOS`,
    { cause: causes },
  );
}

function bindLibc(name: string): Libc {
  const int2 = { args: ["int", "int"], returns: "int" } as const;
  // errno lives at an address of its own in each thread, which never changes; the platforms name its getter
  // differently.
  const getter = { args: [], returns: "ptr" } as const;
  const errnoGetter = process.platform === "darwin" ? "__error" : "__errno_location";
  const errno = dlopen(name, { [errnoGetter]: getter }).symbols[errnoGetter]!() as Pointer;
  const int1 = { args: ["int"], returns: "int" } as const;
  const option = { args: ["int", "int", "int", "ptr", "u32"], returns: "int" } as const;
  const { symbols } = dlopen(name, { flock: int2, fcntl: int2, nice: int1, setsockopt: option });
  const answer = (result: number) => (result === -1 ? read.i32(errno, 0) : 0);
  return {
    flock: (fd, operation) => answer(symbols.flock(fd, operation)),
    fcntl: (fd, command) => answer(symbols.fcntl(fd, command)),
    setsockopt: (fd, level, optionName, value) =>
      answer(symbols.setsockopt(fd, level, optionName, value, value.byteLength)),
    nice: (increment) => symbols.nice(increment),
  };
}
