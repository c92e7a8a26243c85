import { join } from "node:path";
import { within } from "../../support/eventually.ts";
import type { GoodClientOptions, GoodWindow } from "./good-client.ts";

interface GoodAnswer extends GoodWindow {
  readonly failure: string | undefined;
  readonly acknowledged?: readonly (readonly [key: string, number: number])[];
}

/** The good client in a process of its own, so that what it measures is the server's time and nobody else's. */
export class GoodClientProcess implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"ignore", "inherit", "inherit">;
  #answer = Promise.withResolvers<GoodAnswer>();

  private constructor(options: GoodClientOptions) {
    const words = [
      process.execPath,
      join(import.meta.dir, "good-client-fixture.ts"),
      JSON.stringify(options),
    ];
    this.#child = Bun.spawn(words, {
      stdio: ["ignore", "inherit", "inherit"],
      ipc: (message) => this.#answer.resolve(message as GoodAnswer),
    });
  }

  static async start(options: GoodClientOptions): Promise<GoodClientProcess> {
    const client = new GoodClientProcess(options);
    await within("the good client to begin", client.#answer.promise);
    return client;
  }

  /** What came since the last call. Throws if an answer was wrong, or the connection gone. */
  window(): Promise<GoodAnswer> {
    return this.#ask("window");
  }

  /** The last window, and for each key the number of its last acknowledged put. */
  async end(): Promise<readonly (readonly [key: string, number: number])[]> {
    return (await this.#ask("end")).acknowledged!;
  }

  async #ask(ask: "window" | "end"): Promise<GoodAnswer> {
    this.#answer = Promise.withResolvers();
    this.#child.send(ask);
    const answer = await within(`the good client: ${ask}`, this.#answer.promise, 60_000);
    if (answer.failure !== undefined) throw new Error(answer.failure);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }
}
