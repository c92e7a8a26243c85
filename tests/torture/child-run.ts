import { sourceRoot } from "../support/server-process.ts";

/** One process after the other, each with all that it said; the one that runs ends with this object. */
export class ChildRun implements Disposable {
  isDisposed = false;
  #child: Bun.Subprocess | undefined;

  [Symbol.dispose](): void {
    this.isDisposed = true;
    this.#child?.kill("SIGKILL");
  }

  /** `bun …words` in the root of the project. What it said of errors comes before the rest. */
  async bun(
    words: readonly string[],
    environment: Record<string, string> = {},
  ): Promise<{ exitCode: number; output: string[] }> {
    const child = Bun.spawn([process.execPath, ...words], {
      cwd: sourceRoot,
      env: { ...process.env, ...environment, NO_COLOR: "1" },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    this.#child = child;
    const [stdout, stderr] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    return { exitCode: await child.exited, output: `${stderr}${stdout}`.trimEnd().split("\n") };
  }
}

/** What long runs came to. */
export interface OtherResults {
  /** For the summary. */
  readonly lines: string[];
  readonly hasFailed: boolean;
}
