import { join } from "node:path";
import { sourceRoot } from "../support/server-process.ts";

export const mainProgram = join(sourceRoot, "src/main.ts");

/** The environment of this process without what would steer the program under test. */
export function plainEnvironment(more: Record<string, string> = {}): Record<string, string> {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("HOLDFAST_"));
  return { ...(Object.fromEntries(own) as Record<string, string>), ...more };
}

/** Runs the real program to its end. */
export async function holdfast(
  words: readonly string[],
  options: { input?: Uint8Array; environment?: Record<string, string>; directory?: string } = {},
): Promise<{ code: number; output: Buffer; errors: string }> {
  const child = Bun.spawn([process.execPath, mainProgram, ...words], {
    cwd: options.directory ?? sourceRoot,
    env: plainEnvironment(options.environment),
    stdin: options.input ?? "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, errors, code] = await Promise.all([
    new Response(child.stdout).bytes(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, output: Buffer.from(output), errors };
}
