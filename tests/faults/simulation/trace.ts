/**
 * What happened, as a number: two runs with the same hash went the same way, event by event, choice by choice, answer
 * by answer. The story in words is kept only where somebody wants to read it.
 */
export class Trace {
  readonly story: string[] = [];
  readonly #tells: boolean;
  #hash = 0x811c9dc5;
  #nowUs = 0;

  constructor(tells = false) {
    this.#tells = tells;
  }

  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  /** An event happens: which, when, and as which of how many that might have. */
  event(what: string, nowUs: number, index: number, count: number): void {
    this.#nowUs = nowUs;
    this.#text(what);
    this.#number(nowUs);
    this.#number(index);
    this.#number(count);
    if (this.#tells) this.#tell(count === 1 ? what : `${what} (${index + 1} of ${count})`);
  }

  /** Something came of it. */
  note(what: string, ...details: readonly (number | string)[]): void {
    this.#text(what);
    for (const detail of details) {
      if (typeof detail === "number") this.#number(detail);
      else this.#text(detail);
    }
    if (this.#tells) this.#tell(`  ${what} ${details.join(" ")}`);
  }

  #tell(words: string): void {
    this.story.push(`${(this.#nowUs / 1000).toFixed(3).padStart(12)} ms  ${words}`);
  }

  // FNV-1a: over bytes it is slow, but there are few.
  #number(value: number): void {
    this.#byte(value & 0xff);
    this.#byte((value >>> 8) & 0xff);
    this.#byte((value >>> 16) & 0xff);
    this.#byte((value / 0x100_0000) & 0xff);
  }

  #text(text: string): void {
    for (let index = 0; index < text.length; index++) this.#byte(text.charCodeAt(index) & 0xff);
    this.#byte(0xff);
  }

  #byte(byte: number): void {
    this.#hash = Math.imul(this.#hash ^ byte, 0x01000193);
  }
}
