/** What has happened in one run, or in many. */
export interface Counts {
  steps: number;
  simulatedMs: number;
  requests: number;
  answers: number;
  kills: number;
  powerCuts: number;
  /** Of those two, while the store was still opening. */
  crashesOfStarts: number;
  recoveries: number;
  faults: number;
  fullDisks: number;
  flushes: number;
  merges: number;
}

export function noCounts(): Counts {
  return {
    steps: 0,
    simulatedMs: 0,
    requests: 0,
    answers: 0,
    kills: 0,
    powerCuts: 0,
    crashesOfStarts: 0,
    recoveries: 0,
    faults: 0,
    fullDisks: 0,
    flushes: 0,
    merges: 0,
  };
}
