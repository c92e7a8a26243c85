import { sourceRoot } from "../support/server-process.ts";

export interface OtherTestsOptions {
  /** 0: the model test is left out. */
  readonly modelRuns: number;
  /** Kills and faults at every system call. */
  readonly isAimed: boolean;
}

export interface OtherResults {
  /** For the summary. */
  readonly lines: string[];
  readonly hasFailed: boolean;
}

/** The long versions of tests that need no rounds, one after the other in processes of their own. */
export class OtherTests implements Disposable {
  readonly ended: Promise<OtherResults>;
  #child: Bun.Subprocess | undefined;
  #isDisposed = false;

  constructor(seed: number, options: OtherTestsOptions) {
    this.ended = this.#run(seed, options);
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#child?.kill("SIGKILL");
  }

  async #run(seed: number, { modelRuns, isAimed }: OtherTestsOptions): Promise<OtherResults> {
    const lines: string[] = [];
    let hasFailed = false;
    const play = async (title: string, files: string[], environment: Record<string, string>) => {
      if (this.#isDisposed) return;
      const { exitCode, output } = await this.#test(files, environment);
      const told = output
        .filter((line) => /^\d+ /.test(line) && !/^\d+ (pass|fail|expect)/.test(line))
        .join("; ");
      lines.push(`${title.padEnd(18)}${exitCode === 0 ? told : "FAILED"}`);
      if (exitCode === 0 || this.#isDisposed) return;
      hasFailed = true;
      const words = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
      console.error([...output, `Repeat it with ${words.join(" ")} bun test ${files.join(" ")}`].join("\n"));
    };
    if (modelRuns > 0) {
      const sizes = { FAST_CHECK_RUNS: `${modelRuns}`, STEPS_MIN: "100", SEED: `${seed}` };
      await play("model", ["tests/engine/engine-model.test.ts"], sizes);
    }
    if (isAimed) {
      const files = ["crash-points", "aimed-kill", "disk-fault"].map((name) => `tests/crash/${name}.test.ts`);
      await play("aimed", files, { AIMED: "all", SEED: `${seed}` });
    }
    return { lines, hasFailed };
  }

  async #test(
    files: readonly string[],
    environment: Record<string, string>,
  ): Promise<{ exitCode: number; output: string[] }> {
    const child = Bun.spawn([process.execPath, "test", ...files], {
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
    return { exitCode: await child.exited, output: `${stdout}${stderr}`.trimEnd().split("\n") };
  }
}
