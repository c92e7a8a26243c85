import { describe, expect, test } from "bun:test";
import { greedyMsMax, modestMemoryMs, modestVisitsMin, passMsMax } from "../../src/lib/limits.ts";
import { TurnEnd } from "../../src/server/turn-end.ts";
import { Turns } from "../../src/server/turns.ts";
import { ManualClock } from "./manual-clock.ts";

/** Turns of takers that each work for a while and then wait for the next turn, for ever. */
class Crowd {
  readonly clock = new ManualClock();
  readonly turns = new Turns(this.clock, new TurnEnd(this.clock));
  readonly served: string[] = [];

  /** Each of its turns takes so long, however long it may take. */
  add(name: string, turnMs: number, isPassedOver = false): void {
    const takeTurn = () => {
      this.served.push(name);
      this.clock.nowMs += turnMs;
      this.add(name, turnMs, isPassedOver);
    };
    this.turns.add({ takeTurn }, true, isPassedOver);
  }

  /** Who was served in the next pass. */
  pass(): string {
    this.served.length = 0;
    this.clock.pass();
    return this.served.join("");
  }
}

/** Modest ones have come so often that more are expected. */
function visited(turns: Turns, nowMs: number): void {
  for (let visit = 0; visit < modestVisitsMin; visit++) turns.servedModest(nowMs);
}

describe("those who wait for their turn", () => {
  test("have it in the order in which they came, once a pass", () => {
    const crowd = new Crowd();
    for (const name of ["a", "b", "c"]) crowd.add(name, 0.1);
    expect([crowd.pass(), crowd.pass()]).toEqual(["abc", "abc"]);
  });

  // Two thousand held writers had every budget, and whoever only read had none.
  test("are served also behind those that were passed over, one a pass at least", () => {
    const crowd = new Crowd();
    crowd.add("r", 0.1);
    for (const name of ["a", "b"]) crowd.add(name, passMsMax, true);
    expect([crowd.pass(), crowd.pass(), crowd.pass()]).toEqual(["ar", "br", "ar"]);
  });

  test("share the budget of a pass, and the next pass goes on behind them", () => {
    const crowd = new Crowd();
    for (const name of ["a", "b", "c"]) crowd.add(name, passMsMax / 2);
    expect([crowd.pass(), crowd.pass(), crowd.pass()]).toEqual(["ab", "ca", "bc"]);
  });

  test("share a small one while somebody modest is about, and the large one again soon after", () => {
    const crowd = new Crowd();
    for (const name of ["a", "b", "c"]) crowd.add(name, greedyMsMax / 2);
    visited(crowd.turns, crowd.clock.nowMs);
    expect([crowd.pass(), crowd.pass(), crowd.pass()]).toEqual(["ab", "ca", "bc"]);
    crowd.clock.nowMs += modestMemoryMs;
    expect(crowd.pass()).toBe("abc");
  });

  test("share the large one while somebody modest comes now and then only", () => {
    const crowd = new Crowd();
    for (const name of ["a", "b", "c"]) crowd.add(name, greedyMsMax / 2);
    for (let visit = 0; visit < 2 * modestVisitsMin; visit++) {
      crowd.clock.nowMs += modestMemoryMs / (modestVisitsMin - 1);
      crowd.turns.servedModest(crowd.clock.nowMs);
      // They give way for one pass at the most, and all have their turn in the next one.
      expect(Math.max(crowd.pass().length, crowd.pass().length)).toBe(3);
    }
  });

  test("give way to somebody modest for one pass, and never for two in a row", () => {
    const crowd = new Crowd();
    for (const name of ["a", "b", "c"]) crowd.add(name, greedyMsMax);
    visited(crowd.turns, crowd.clock.nowMs);
    const passes = Array.from({ length: 7 }, () => {
      crowd.turns.servedModest(crowd.clock.nowMs);
      return crowd.pass();
    });
    expect(passes).toEqual(["a", "", "b", "", "c", "", "a"]);
  });

  test("have it behind the modest ones, who do not wait for that pass either", () => {
    const crowd = new Crowd();
    for (const name of ["a", "b"]) crowd.add(name, greedyMsMax);
    visited(crowd.turns, crowd.clock.nowMs);
    expect(crowd.pass()).toBe("a");
    crowd.turns.servedModest(crowd.clock.nowMs);
    crowd.turns.add({ takeTurn: () => crowd.served.push("modest") }, false);
    expect(crowd.pass()).toBe("modest");
    crowd.turns.add({ takeTurn: () => crowd.served.push("modest ") }, false);
    expect(crowd.pass()).toBe("modest b");
  });

  // They shared one budget with the modest ones, and waited for as long as those had something to do.
  test("have it although modest ones have a whole budget's work in every pass", () => {
    const crowd = new Crowd();
    crowd.add("a", 0.1);
    visited(crowd.turns, crowd.clock.nowMs);
    const passes = Array.from({ length: 6 }, () => {
      crowd.turns.servedModest(crowd.clock.nowMs);
      crowd.turns.add({ takeTurn: () => (crowd.clock.nowMs += greedyMsMax) }, false);
      return crowd.pass();
    });
    expect(passes.join("")).toBe("aaa");
  });

  test("are not called when nobody waits, and nothing spins then", () => {
    const clock = new ManualClock();
    const turns = new Turns(clock, new TurnEnd(clock));
    let calls = 0;
    turns.add({ takeTurn: () => calls++ }, true);
    expect([clock.poll(), calls, turns.waiting]).toEqual([1, 1, 0]);
    expect(clock.poll()).toBe(0);
  });

  test("are forgotten once they were served, however many there ever were", () => {
    const crowd = new Crowd();
    for (let count = 0; count < 1_000; count++) crowd.add("x", 0.5);
    for (let pass = 0; pass < 10_000; pass++) crowd.pass();
    expect(crowd.turns.waiting).toBe(1_000);
  });
});

describe("whose bytes were just read", () => {
  const clock = new ManualClock();
  const turns = new Turns(clock, new TurnEnd(clock));
  const leftMs = (isGreedy: boolean) => (turns.admit(isGreedy, clock.nowMs) ?? clock.nowMs) - clock.nowMs;

  test("may work at once, the greedy ones together for the budget of the pass", () => {
    expect([leftMs(false), leftMs(true)]).toEqual([2, 2]);
    clock.nowMs += passMsMax - 1;
    expect([leftMs(false), leftMs(true)]).toEqual([2, 1]);
    clock.nowMs += 1;
    expect([leftMs(false), leftMs(true)]).toEqual([2, 0]);
    clock.pass();
    expect(leftMs(true)).toBe(2);
    clock.pass();
  });

  test("has to stand behind those who wait, if it is greedy", () => {
    turns.add({ takeTurn: () => {} }, true);
    expect([leftMs(false), leftMs(true)]).toEqual([2, 0]);
    clock.pass();
    expect(leftMs(true)).toBe(2);
    clock.pass();
  });

  test("has less while others are modest", () => {
    visited(turns, clock.nowMs);
    expect(leftMs(true)).toBeCloseTo(greedyMsMax, 6);
    expect(leftMs(false)).toBeCloseTo(0.1, 6);
  });
});
