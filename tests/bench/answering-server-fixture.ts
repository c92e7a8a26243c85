import { join } from "node:path";
import { AnsweringStore } from "./answering-store.ts";

/** The real server, from the source in the directory given, on a store that answers at once and keeps nothing. */
const [root = ""] = process.argv.slice(2);
const { serve }: typeof import("../../src/server/serve.ts") = await import(join(root, "src/server/serve.ts"));
const server = await serve({ store: new AnsweringStore(), listen: "127.0.0.1:0" });
console.log(`ready tcp://127.0.0.1:${server.port}`);
