import type { Proof } from "../mutants/workbench.ts";
import type { Exhibit } from "./exhibit.ts";

/** Why an exhibit was not caught in the way that its story tells; undefined: it was. */
export function failureOf(
  { system, name, killer, says }: Exhibit,
  { outcome, message }: Proof,
): string | undefined {
  const [file, test] = killer;
  if (outcome === "survived") return `${system}: ${name}: "${test}" of ${file} passed all the same`;
  if (outcome === "not run") return `${system}: ${name}: "${test}" of ${file} proved nothing: ${message}`;
  if (!says.test(message))
    return `${system}: ${name}: it is caught, but with other words than ${says}: ${message}`;
  return undefined;
}
