import { join } from "node:path";
import { descriptorOf, lastNumberOf, stringsOf, type SystemCall } from "../../support/trace.ts";

/** What a system call does to the files below a directory; paths begin at that directory, with "/". */
export type FileEffect =
  | { readonly kind: "create" | "empty" | "unlink"; readonly path: string }
  | { readonly kind: "makeDirectory" | "removeDirectory"; readonly path: string }
  | { readonly kind: "rename" | "link"; readonly path: string; readonly to: string }
  | { readonly kind: "write"; readonly path: string; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: "truncate"; readonly path: string; readonly bytes: number }
  | { readonly kind: "datasync" | "sync" | "syncDirectory"; readonly path: string };

/**
 * Every call of Linux by which a file, a name or their durability can change. A server makes few of them; the others
 * are watched so that none escapes: whoever makes one to a store has to say here what it does. A question mark:
 * some architectures do without.
 */
export const watchedCalls = [
  ...["?open", "openat", "?openat2", "?creat", "?mkdir", "mkdirat", "?rmdir", "?rename", "?renameat"],
  ...["?renameat2", "?link", "linkat", "?unlink", "unlinkat", "?symlink", "symlinkat", "?mknod", "mknodat"],
  ...["write", "writev", "pwrite64", "pwritev", "?pwritev2", "truncate", "ftruncate", "fallocate"],
  ...["copy_file_range", "sendfile", "splice", "tee", "vmsplice", "ioctl", "mmap", "remap_file_pages"],
  ...["fsync", "fdatasync", "sync", "syncfs", "sync_file_range", "msync"],
  ...["io_submit", "io_uring_setup", "io_uring_enter", "setxattr", "fsetxattr", "?open_by_handle_at"],
  ...["sendto", "sendmsg", "sendmmsg"],
] as const;

/** Undefined: none at all. Throws for a call that is not known here. `existed`: whether a path was there before. */
export function effectOf(
  call: SystemCall,
  root: string,
  existed: (path: string) => boolean,
): FileEffect | undefined {
  if (call.error !== undefined || isElsewhere(call, root)) return undefined;
  const inside = (path: string) => path.slice(root.length) || "/";
  switch (call.name) {
    case "open":
    case "openat": {
      const path = inside(pathsOf(call)[0]!);
      if (!/O_CREAT|O_TRUNC/.test(call.argumentText)) return undefined;
      if (!existed(path)) return { kind: "create", path };
      return call.argumentText.includes("O_TRUNC") ? { kind: "empty", path } : undefined;
    }
    case "mkdir":
      return { kind: "makeDirectory", path: inside(pathsOf(call)[0]!) };
    case "rmdir":
      return { kind: "removeDirectory", path: inside(pathsOf(call)[0]!) };
    case "unlink": {
      const kind = call.argumentText.includes("AT_REMOVEDIR") ? "removeDirectory" : "unlink";
      return { kind, path: inside(pathsOf(call)[0]!) };
    }
    case "rename":
    case "link":
    case "linkat": {
      const [path, to] = pathsOf(call).map(inside) as [string, string];
      const kind = call.name === "rename" ? "rename" : "link";
      if (!/RENAME_|AT_EMPTY_PATH/.test(call.argumentText)) return { kind, path, to };
      break;
    }
    case "pwrite64": {
      const bytes = stringsOf(call)[0]!;
      const written = Number.isNaN(call.result) ? bytes : bytes.subarray(0, call.result);
      return { kind: "write", path: inside(descriptorOf(call)), at: lastNumberOf(call), bytes: written };
    }
    case "ftruncate":
      return { kind: "truncate", path: inside(descriptorOf(call)), bytes: lastNumberOf(call) };
    case "fdatasync":
      return { kind: "datasync", path: inside(descriptorOf(call)) };
    case "fsync":
      return { kind: "sync", path: inside(descriptorOf(call)) };
    case "mmap":
      if (!/PROT_WRITE/.test(call.argumentText) || !/MAP_SHARED/.test(call.argumentText)) return undefined;
  }
  throw new Error(`The replay does not know what ${call.name}(${call.argumentText.slice(0, 300)}) does`);
}

/** Whether a call has nothing to do with the files below the directory. */
function isElsewhere(call: SystemCall, root: string): boolean {
  // These change files that they do not name.
  if (unnamed.has(call.name)) return false;
  const descriptor = descriptorOf(call);
  // What is written there may name a store, and does nothing to it.
  if (/^(socket|pipe|anon_inode):/.test(descriptor)) return true;
  // A file without a name is lost, whatever becomes of it.
  if (/^[^"]*>? ?\(deleted\)/.test(call.argumentText) || descriptor.endsWith(" (deleted)")) return true;
  return !call.argumentText.includes(hexOf(root));
}

const unnamed: ReadonlySet<string> = new Set(["sync", "io_submit", "io_uring_setup", "io_uring_enter"]);

/** The paths that a call names, with the directories before them from which they are relative. */
function pathsOf(call: SystemCall): string[] {
  const named = /(?:(?:AT_FDCWD|\d+)<((?:\\x[0-9a-f]{2})*)>, )?"((?:\\x[0-9a-f]{2})*)"/g;
  return [...call.argumentText.matchAll(named)].map(([, directory = "", path = ""]) => {
    const text = textOf(path);
    return text.startsWith("/") ? text : join(textOf(directory), text);
  });
}

function textOf(hex: string): string {
  return Buffer.from(hex.replaceAll("\\x", ""), "hex").toString();
}

/** As strace prints it. */
function hexOf(text: string): string {
  return [...Buffer.from(text)].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
}
