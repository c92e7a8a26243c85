import { describe, expect, test } from "bun:test";
import { changedSource, type SourceChange } from "../../support/changed-source.ts";
import { withSeed } from "../../support/seeds.ts";
import { damageKinds } from "./damages.ts";
import type { Outcome } from "./judge.ts";
import { makeSubject } from "./subject.ts";
import { DamageSweep } from "./sweep.ts";

/** Drawn for each kind. The long version does every single damage there is. */
const damagesPerKind = 45;

const stores = [
  ["killed", "is refused, with its place, or costs nothing that was vouched for"],
  ["closed in order", "is refused, with its place, or costs nothing at all"],
] as const;

test.each(stores)("damage of any kind to any file of a store that was %s %s", async (how) => {
  await withSeed(async (random, seed) => {
    const subject = await makeSubject(seed, how === "killed" ? "killed" : "closed");
    expect(subject.state.durableSeq === subject.lastSeq).toBe(how !== "killed");
    expect([...subject.files.values()].reduce((sum, { length }) => sum + length, 0)).toBeGreaterThan(
      64 * 1024,
    );
    const endings = new Set([...subject.files.keys()].map((path) => path.replace(/^.*[/.]/, "")));
    expect([...endings].sort()).toEqual(["LOCK", "manifest", "table", "wal"]);
    expect([...subject.older.values()].flat().length).toBeGreaterThan(4);

    const sweep = await DamageSweep.begin(subject);
    expect(sweep.size).toBeGreaterThan(800_000);
    for (const damage of sweep.draw(damagesPerKind, random)) {
      try {
        await sweep.try(damage);
      } catch (error) {
        throw new Error(`${damage.kind}, ${damage.place}: ${(error as Error).message}`, { cause: error });
      }
    }
    for (const kind of damageKinds) {
      const counts = sweep.counts.get(kind)!;
      expect([...counts.values()].reduce((sum, count) => sum + count, 0)).toBeGreaterThan(5);
      if (how !== "killed") expect([...counts.keys()].filter(isLoss)).toEqual([]);
    }
    expect(sweep.counts.get("bit flipped")!.get("refused")).toBeGreaterThan(damagesPerKind / 2);
    expect(sweep.damages).toBeGreaterThan(250);
    expect(sweep.wholes).toBeGreaterThan(25);
    expect(sweep.starts).toBeGreaterThan(0);
  });
});

const isLoss = (outcome: Outcome) => outcome !== "identical" && outcome !== "refused";

describe("the sweep reports silent damage", () => {
  // Which damage comes first is drawn: mostly one that shows a changed value. Where it was another, which is no less a
  // violation, other damages are drawn.
  const runsMax = 4;
  const checks: [what: string, other: RegExp, change: SourceChange][] = [
    [
      "blocks of tables",
      // A flipped length leads the decoder astray, and it stumbles behind the place.
      /: \S+\.table:\d+ is blamed for byte \d+/,
      {
        file: "src/table/table-file.ts",
        from: "if (!isBlockIntact(bytes, seedAt(this.#checksumSeed, offset)))",
        to: "if (false && !isBlockIntact(bytes, seedAt(this.#checksumSeed, offset)))",
      },
    ],
    [
      "groups of the log",
      // What a flip in a shadowed version changes is never shown, and nobody but a checksum could find it.
      /: check does not see that a byte is another/,
      {
        file: "src/wal/segment-walk.ts",
        from: "if (crc32c(segment.subarray(payloadStart, payloadEnd)) !== group.payloadChecksum)",
        to: "if (false)",
      },
    ],
  ];
  test.each(checks)("once the checksums of %s are not compared", async (_what, other, change) => {
    using copy = changedSource([change], ["src", "client", "tests"]);
    let found = await sweepIn(copy.path);
    for (let runs = 1; runs < runsMax && other.test(found.report); runs++) found = await sweepIn(copy.path);
    expect(found).toEqual({ exitCode: 1, report: expect.stringContaining("silent change: ") });
  });

  async function sweepIn(directory: string): Promise<{ exitCode: number; report: string }> {
    const child = Bun.spawn([process.execPath, "tests/faults/damage-sweep/long.ts", "--each", "300"], {
      cwd: directory,
      // What it saves of the failure goes with the copy.
      env: { ...process.env, TMPDIR: directory },
      stdout: "ignore",
      stderr: "pipe",
    });
    const report = await child.stderr.text();
    return { exitCode: await child.exited, report };
  }
});
