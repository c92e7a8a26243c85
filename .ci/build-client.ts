import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";

/**
 * Builds the client as plain JavaScript with type declarations, for run times that know no TypeScript:
 * `client/client.js` and `client/client.d.ts` under the given directory, and what they import beside them. Nothing is
 * bundled or shortened, so that a stack trace in somebody's program reads like the source.
 */
export function buildClient(outDirectory: string): void {
  const root = join(import.meta.dirname, "..");
  rmSync(outDirectory, { recursive: true, force: true });
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [compiler, join(root, "client", "client.ts"), "--outDir", outDirectory, "--rootDir", root, ...options],
    { cwd: root, encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`Cannot build the client: the compiler says\n${stdout}${stderr}`);
}

/** The strictness is that of tsconfig.json, which has checked the sources before; this only translates them. */
const options = [
  "--ignoreConfig",
  "--target es2022",
  "--lib esnext",
  "--types bun-types",
  "--module nodenext",
  "--strict --exactOptionalPropertyTypes --noUncheckedIndexedAccess --verbatimModuleSyntax --skipLibCheck",
  "--rewriteRelativeImportExtensions",
  "--declaration",
  // What is marked @internal is no part of the declarations: constructors that only the client itself calls.
  "--stripInternal",
].flatMap((option) => option.split(" "));

if (import.meta.main) buildClient(process.argv[2] ?? join(import.meta.dirname, "..", "dist"));
