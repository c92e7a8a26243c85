import { within } from "../support/eventually.ts";
import type { HonestReport } from "./honest-client.ts";

/** What the thread is asked, one after the other. */
export type Ask =
  | { readonly ask: "start"; readonly port: number; readonly seed: number }
  | { readonly ask: "expect the end" }
  | { readonly ask: "report" };

/**
 * The honest client in a thread of its own, so that what it measures is the server's time and never the
 * crowd's, whose garbage takes this process long to make.
 */
export class HonestThread implements Disposable {
  readonly #worker = new Worker(new URL("./honest-thread-fixture.ts", import.meta.url));
  #answer = Promise.withResolvers<unknown>();

  static async start(port: number, seed: number): Promise<HonestThread> {
    const thread = new HonestThread();
    await thread.#ask({ ask: "start", port, seed });
    return thread;
  }

  private constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<unknown>) => this.#answer.resolve(data);
    this.#worker.onerror = ({ message }) => this.#answer.reject(new Error(message));
  }

  /** Resolves when the client knows that the server is about to end. */
  async expectEnd(): Promise<void> {
    await this.#ask({ ask: "expect the end" });
  }

  /** Once the server has ended. */
  async report(): Promise<HonestReport> {
    return (await this.#ask({ ask: "report" })) as HonestReport;
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }

  #ask(ask: Ask): Promise<unknown> {
    this.#answer = Promise.withResolvers();
    this.#worker.postMessage(ask);
    return within(`the honest client: ${ask.ask}`, this.#answer.promise);
  }
}
