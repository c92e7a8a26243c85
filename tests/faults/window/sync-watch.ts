import type { File, FileSystem } from "../../../src/vfs/file-system.ts";

/**
 * The file system of somebody else, and when each sync of one of the log's segments returned that had something new to
 * make durable. A log in mode "always" has one group in flight, so these are the moments of its groups and seals.
 */
export function watchSyncs(inner: FileSystem, returned: (atMs: number) => void): FileSystem {
  const watchedFile = (file: File): File => {
    if (!file.path.endsWith(".wal")) return file;
    let hasNews = false;
    const tell = () => {
      if (hasNews) returned(performance.now());
      hasNews = false;
    };
    return changed<File>(file, {
      write(source, position) {
        hasNews = true;
        return file.write(source, position);
      },
      datasync: () => file.datasync().then(tell),
      datasyncNow() {
        file.datasyncNow();
        tell();
      },
    });
  };
  return changed<FileSystem>(inner, {
    create: (path) => watchedFile(inner.create(path)),
    open: (path) => watchedFile(inner.open(path)),
  });
}

/** The same object, but for some methods. */
function changed<T extends object>(target: T, methods: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      const value = methods[name as keyof T] ?? target[name as keyof T];
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
