import type { Results } from "./results.ts";

/** What every suite is told. It measures, prints as it goes, and leaves nothing behind. */
export interface SuiteOptions {
  /** How long each case is measured, for each subject and in each round. */
  seconds: number;
  rounds: number;
  /** Where the source of the server under test is. */
  root: string;
  /** Under which directory all subjects' data goes. Default: that of temporary files. */
  dataDirectory: string | undefined;
  /** Only cases whose name contains this. */
  cases?: string;
}

/** What it found. The host is described by who runs it. */
export type SuiteResults = Omit<Results, "host">;

export type Suite = (options: SuiteOptions) => Promise<SuiteResults>;

/** Whether the user asked for this case. */
export function isWanted(name: string, { cases }: Pick<SuiteOptions, "cases">): boolean {
  return cases === undefined || name.includes(cases);
}
