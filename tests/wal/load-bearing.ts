import { changedSource } from "../support/changed-source.ts";
import type { Mutant } from "./mutants.ts";

/**
 * Whether the test that should notice what a mutant takes out does: it fails on a copy of the source that was
 * changed so. The answer is what went wrong with the proof, or undefined. `folder` is where the test is.
 */
export async function survival({ changes, killer }: Mutant, folder: string): Promise<string | undefined> {
  using copy = changedSource(changes, ["src", "tests"]);
  const [file, name] = killer;
  const child = Bun.spawn(
    [process.execPath, "test", `./${folder}/${file}`, "--bail", "-t", `^${escapePattern(name)}`],
    { cwd: copy.path, stdout: "ignore", stderr: "pipe", env: { ...process.env, FORCE_COLOR: "0" } },
  );
  const output = await new Response(child.stderr).text();
  const exitCode = await child.exited;
  if (exitCode === 0) return `"${name}" passed`;
  // A copy that does not even load proves nothing.
  if (!output.includes("(fail)")) return `"${name}" did not run:\n${output.slice(-2000)}`;
  return undefined;
}

/** Tries mutants two at a time; the answer names those that survived, and why. */
export async function survivorsOf(mutants: readonly Mutant[], folder = "tests/wal"): Promise<string[]> {
  const waiting = [...mutants];
  const survivors: string[] = [];
  const prove = async () => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const why = await survival(mutant, folder);
      if (why !== undefined) survivors.push(`${mutant.name}: ${why}`);
    }
  };
  await Promise.all([prove(), prove()]);
  return survivors;
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
