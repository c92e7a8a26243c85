import type { HoldfastError } from "../lib/errors.ts";

/**
 * Something that the log writer does between two groups: when `afterGroups` of them were written and everything is
 * durable, and before anything later is written.
 */
export interface Barrier {
  afterGroups: number;
  action: () => Promise<void>;
  resolve: () => void;
  reject: (reason: HoldfastError) => void;
}
