import { ChildRun, type OtherResults } from "./child-run.ts";

export interface OtherTestsOptions {
  /** 0: the model test is left out. */
  readonly modelRuns: number;
  /** Kills and faults at every system call. */
  readonly isAimed: boolean;
}

/** The long versions of tests that need no rounds, one after the other in processes of their own. */
export class OtherTests implements Disposable {
  readonly ended: Promise<OtherResults>;
  readonly #children = new ChildRun();

  constructor(seed: number, options: OtherTestsOptions) {
    this.ended = this.#run(seed, options);
  }

  [Symbol.dispose](): void {
    this.#children[Symbol.dispose]();
  }

  async #run(seed: number, { modelRuns, isAimed }: OtherTestsOptions): Promise<OtherResults> {
    const lines: string[] = [];
    let hasFailed = false;
    const play = async (title: string, files: string[], environment: Record<string, string>) => {
      if (this.#children.isDisposed) return;
      const { exitCode, output } = await this.#children.bun(["test", ...files], environment);
      const told = output
        .filter((line) => /^\d+ /.test(line) && !/^\d+ (pass|fail|expect)/.test(line))
        .join("; ");
      lines.push(`${title.padEnd(18)}${exitCode === 0 ? told : "FAILED"}`);
      if (exitCode === 0 || this.#children.isDisposed) return;
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
}
