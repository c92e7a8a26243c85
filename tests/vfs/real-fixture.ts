import { dirname } from "node:path";
import { realFileSystem } from "../../src/vfs/real.ts";

/** Does one thing with the file at PATH and prints what came of it: for strace to interfere with. */
const [path, action] = process.argv.slice(2);
const file = realFileSystem.open(path!);
try {
  console.log(await act());
} catch (error) {
  console.log((error as NodeJS.ErrnoException).code);
}

async function act(): Promise<unknown> {
  switch (action) {
    case "write":
      return file.write(Buffer.from("hello"), 0);
    case "read":
      return file.read(Buffer.alloc(5), 0);
    case "datasync":
      return await file.datasync();
    case "sync":
      return await file.sync();
    case "syncDirectory":
      return await realFileSystem.syncDirectory(dirname(path!));
    default:
      throw new Error(`unknown action ${action}`);
  }
}
