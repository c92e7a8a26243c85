import { expect, test } from "bun:test";
import { join } from "node:path";
import { freshSeed } from "../../support/seeds.ts";
import { failureLines, simulateMany } from "./many-simulations.ts";
import { shrink } from "./shrink.ts";
import { commandOf, defaultOptions, sabotages } from "./simulation-options.ts";
import { simulate } from "./simulation.ts";

test("the store keeps its promises in simulated worlds, and these have everything in them", () => {
  const { failure, counts } = simulateMany(freshSeed(), defaultOptions, (run) => run < 60);
  if (failure !== undefined) console.error(failureLines(failure));
  expect(failure?.outcome.violation).toBeUndefined();
  // Far below what 60 seeds have on average, so that no seed fails by chance.
  expect(counts.answers).toBeGreaterThan(400);
  expect(counts.kills).toBeGreaterThan(5);
  expect(counts.powerCuts).toBeGreaterThan(5);
  expect(counts.crashesOfStarts).toBeGreaterThan(3);
  expect(counts.recoveries).toBeGreaterThan(60);
  expect(counts.faults).toBeGreaterThan(0);
  expect(counts.fullDisks).toBeGreaterThan(3);
  expect(counts.flushes).toBeGreaterThan(10);
  expect(counts.merges).toBeGreaterThan(3);
});

test("one seed gives one run, event by event", () => {
  const first = freshSeed();
  const hashes = new Set<string>();
  for (let seed = first; seed < first + 8; seed++) {
    const { hash, counts } = simulate(seed, defaultOptions);
    // Telling the story must not change it.
    const again = simulate(seed, defaultOptions, true);
    expect({ seed, hash: again.hash, counts: again.counts }).toEqual({ seed, hash, counts });
    expect(again.story.length).toBeGreaterThan(counts.steps);
    hashes.add(hash);
  }
  expect(hashes.size).toBe(8);
});

test("another process runs the same seed the same way, and says so", async () => {
  const seed = freshSeed();
  const program = join(import.meta.dir, "simulate.ts");
  const run = Bun.spawn([process.execPath, program, "--seed", `${seed}`], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const output = await new Response(run.stdout).text();
  expect(output).toContain(`seed ${seed}: no violation`);
  expect(output).toContain(`hash ${simulate(seed, defaultOptions).hash}`);
  expect(await run.exited).toBe(0);
});

for (const sabotage of sabotages) {
  test(`a store with ${sabotage} is caught`, () => {
    const { seeds, failure } = simulateMany(1, { ...defaultOptions, sabotage }, (run) => run < 300);
    expect(failure).toBeDefined();
    expect(seeds).toBeLessThan(300);
  });
}

test("a failing seed is made smaller, and its command says so", () => {
  const options = { ...defaultOptions, sabotage: "lost syncs" as const };
  const { failure } = simulateMany(1, options, (run) => run < 300);
  const { seed } = failure!;
  const small = shrink(seed, options, 60);
  expect(simulate(seed, small).violation).toBeDefined();
  expect(small.without.length).toBeGreaterThan(5);
  expect(small.requests).toBeLessThan(defaultOptions.requests);
  const command = commandOf(seed, small);
  expect(command).toContain(`--seed ${seed} `);
  expect(command).toContain(`--requests ${small.requests}`);
  expect(command).toContain('--sabotage "lost syncs"');
});
