import { type MemoryNode, MemoryDirectory } from "./memory-tree.ts";
import { systemError } from "./system-error.ts";

/** The one spelling of a path. There are no links, and the working directory is the root. */
export function canonicalPath(path: string): string {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return `/${names.join("/")}`;
}

/** What a path names, or undefined. */
export function findNode(root: MemoryDirectory, path: string, syscall: string): MemoryNode | undefined {
  let node: MemoryNode | undefined = root;
  for (const name of canonicalPath(path).split("/").filter(Boolean)) {
    if (node === undefined) return undefined;
    if (!(node instanceof MemoryDirectory)) throw systemError("ENOTDIR", syscall, path);
    node = node.cache.get(name);
  }
  return node;
}

/** The directory that has or would have the last name of a path, and that name. */
export function findEntry(
  root: MemoryDirectory,
  path: string,
  syscall: string,
): readonly [directory: MemoryDirectory, name: string] {
  const canonical = canonicalPath(path);
  const slash = canonical.lastIndexOf("/");
  const name = canonical.slice(slash + 1);
  if (name === "") throw systemError("EBUSY", syscall, path);
  const parent = findNode(root, canonical.slice(0, slash), syscall);
  if (parent === undefined) throw systemError("ENOENT", syscall, path);
  if (!(parent instanceof MemoryDirectory)) throw systemError("ENOTDIR", syscall, path);
  return [parent, name];
}
