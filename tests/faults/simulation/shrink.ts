import { features, type SimulationOptions } from "./simulation-options.ts";
import { simulate } from "./simulation.ts";

/**
 * Looks for a smaller world in which the seed still fails, in whatever way: without a feature, with fewer clients,
 * crashes and requests. What it returns fails too, and nothing that it tried beside that does.
 */
export function shrink(seed: number, options: SimulationOptions, runsMax = 300): SimulationOptions {
  let smallest = options;
  let runs = 0;
  for (;;) {
    const found = smaller(smallest).find((candidate) => {
      return runs++ < runsMax && simulate(seed, candidate).violation !== undefined;
    });
    if (found === undefined) return smallest;
    smallest = found;
  }
}

/** The next smaller worlds, the smallest first. */
function smaller(options: SimulationOptions): SimulationOptions[] {
  const { clients, requests, crashes, without } = options;
  const candidates: SimulationOptions[] = [];
  if (clients > 1) candidates.push({ ...options, clients: 1 });
  if (requests > 1) candidates.push({ ...options, requests: Math.floor(requests / 2) });
  for (const feature of features) {
    if (!without.includes(feature)) candidates.push({ ...options, without: [...without, feature] });
  }
  if (clients > 2) candidates.push({ ...options, clients: clients - 1 });
  if (crashes > 0) candidates.push({ ...options, crashes: crashes - 1 });
  if (requests > 1) candidates.push({ ...options, requests: requests - 1 });
  return candidates;
}
