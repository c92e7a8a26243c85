/** What a simulated world may have in it. Each can be left out, which is how a failing run is made smaller. */
export const features = [
  "kills",
  "power cuts",
  "faults",
  "short writes",
  "full disks",
  "slow disks",
  "stalls",
  "disconnects",
  "deaf peers",
  "batches",
  "conditions",
  "deletes",
  "scans",
  "snapshots",
  "checkpoints",
  "compactions",
  "rare syncs",
] as const;

export type Feature = (typeof features)[number];

/** A promise that the simulated store breaks on purpose, so that the checks are known to see it. */
export const sabotages = [
  /** An acknowledgement does not wait for its sync. */
  "early acks",
  /** A sync of the log returns, and has done nothing. */
  "lost syncs",
  /** A sync of the log returns at once, and does its work later. */
  "early syncs",
  /** A read shows what is not synced. */
  "dirty reads",
  /** Now and then a write is never answered. */
  "lost answers",
] as const;

export type Sabotage = (typeof sabotages)[number];

/** With the seed, all that a run depends on. */
export interface SimulationOptions {
  /** At the most, as everything here: how many there are is drawn. */
  readonly clients: number;
  /** Of all clients together, in all lives of the server. */
  readonly requests: number;
  /** Kills and power cuts; one more power cut ends every run. */
  readonly crashes: number;
  readonly without: readonly Feature[];
  readonly sabotage?: Sabotage | undefined;
}

export const defaultOptions: SimulationOptions = { clients: 3, requests: 60, crashes: 3, without: [] };

/** The words that repeat a run on the command line. */
export function commandOf(seed: number, options: SimulationOptions): string {
  const words = [`bun run simulate --seed ${seed}`];
  const { clients, requests, crashes, without, sabotage } = options;
  if (clients !== defaultOptions.clients) words.push(`--clients ${clients}`);
  if (requests !== defaultOptions.requests) words.push(`--requests ${requests}`);
  if (crashes !== defaultOptions.crashes) words.push(`--crashes ${crashes}`);
  if (without.length > 0) words.push(`--without "${without.join(", ")}"`);
  if (sabotage !== undefined) words.push(`--sabotage "${sabotage}"`);
  return words.join(" ");
}
