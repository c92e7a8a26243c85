import { expect, setDefaultTimeout, test } from "bun:test";
import { seededRandom } from "../../../src/lib/random.ts";
import { changedSource } from "../../support/changed-source.ts";
import { type Removal, removals } from "../../support/removals.ts";
import { withSeed } from "../../support/seeds.ts";
import { whyNoStrace } from "../../support/strace.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { assertLinearizable, storyOfViolation } from "./assert-linearizable.ts";
import { recordRun } from "./record-run.ts";

setDefaultTimeout(120_000);

const size = { clients: 6, syncDelayMs: 3 };

test("the history of a server that is killed three times is linearizable", async () => {
  await withSeed(async (_, seed) => {
    using directory = temporaryDirectory();
    const run = await recordRun({ ...size, directory: directory.path, seed, lives: 4 });
    assertLinearizable(run.history);
    expect(run.kills).toBe(3);
    if (whyNoStrace === undefined) expect(run.slowLives).toBe(2);
    const count = (kind: string) =>
      run.history.operations.filter(({ outcome }) => outcome.kind === kind).length;
    expect(count("written")).toBeGreaterThan(50);
    expect(count("shown")).toBeGreaterThan(50);
    for (const kind of ["conflict", "opened", "unknown"]) expect(count(kind)).toBeGreaterThan(0);
    expect(run.history.events.filter(({ what }) => what === "SIGKILL")).toHaveLength(3);
  });
});

/** What a SIGKILL can show: bytes that were handed to the system outlive it, synced or not. */
const faults: Removal[] = ["acks leave before the write", "reads do not wait for what they show"];

for (const fault of faults) {
  test(`it is found out in the history of a killed server when ${fault}`, async () => {
    await withSeed(async (_, seed) => {
      using copy = changedSource(removals[fault]);
      const random = seededRandom(seed);
      let story: string | undefined;
      for (let run = 0; run < runsMax && story === undefined; run++) {
        using directory = temporaryDirectory();
        const options = {
          ...size,
          directory: directory.path,
          seed: random.uint32(),
          lives: 3,
          root: copy.path,
        };
        story = storyOfViolation((await recordRun(options)).history);
      }
      expect(story).toContain("is not linearizable");
      expect(story!.split("\n").length).toBeLessThan(60);
    });
  });
}

/** A run of three lives shows early acks always, and early reads in six cases of ten. */
const runsMax = 16;
