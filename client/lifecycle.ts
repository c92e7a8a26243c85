import { HoldfastError } from "../src/lib/errors.ts";
import type { HelloInfo } from "../src/protocol/hello.ts";
import { AbortError, ConnectionError } from "./errors.ts";
import { Link, type LinkListener, type Runtime } from "./link.ts";
import type { ClientWarning, ConnectionState } from "./options.ts";
import { Pipeline } from "./pipeline.ts";
import type { Settings } from "./settings.ts";

/** What a client's owner wants to be told. */
export interface LifecycleListener {
  onWarning?: ((warning: ClientWarning) => void) | undefined;
  onStateChange?: ((state: ConnectionState, cause: Error | undefined) => void) | undefined;
}

/** A client from its first attempt to connect until it is closed: what happens to it as a whole, not to one call. */
export class Lifecycle implements LinkListener {
  readonly pipeline: Pipeline;
  readonly #link: Link;
  readonly #settings: Settings;
  readonly #runtime: Runtime;
  readonly #listener: LifecycleListener;
  #info: HelloInfo | undefined;
  #hasWarnedOfSyncMode = false;
  #closed: Promise<void> | undefined;
  /** Ends `connect`: with an error, or without. */
  #connected: (error?: Error) => void = () => {};

  constructor(settings: Settings, runtime: Runtime, listener: LifecycleListener) {
    this.#settings = settings;
    this.#runtime = runtime;
    this.#listener = listener;
    const serverIsSilent = () => this.#link.suspect();
    this.pipeline = new Pipeline(runtime.clock, settings.timeoutMs, settings.queueBytesMax, serverIsSilent);
    this.#link = new Link(settings, runtime, this.pipeline, this);
  }

  get state(): ConnectionState {
    return this.#link.state;
  }

  /** What the server announced last. */
  get info(): HelloInfo {
    return this.#info!;
  }

  /** Resolves once a server has answered the hello; otherwise nothing is left running. */
  connect(signal: AbortSignal | undefined): Promise<void> {
    const { address, connectTimeoutMs } = this.#settings;
    return new Promise((resolve, reject) => {
      const gaveUp = () => this.#connected(this.#unreachable(connectTimeoutMs));
      const aborted = () => this.#connected(new AbortError(`connect to ${address.display}`, signal?.reason));
      const timer = this.#runtime.clock.schedule(connectTimeoutMs, gaveUp, true);
      this.#connected = (error) => {
        this.#connected = () => {};
        timer.cancel();
        signal?.removeEventListener("abort", aborted);
        if (error === undefined) {
          resolve();
        } else {
          this.#stop(error);
          reject(error);
        }
      };
      signal?.addEventListener("abort", aborted);
      if (signal?.aborted) aborted();
      else this.#link.start();
    });
  }

  /** Waits for the calls that are open, within its time, and closes. Calling it again gives the same promise. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  linkChanged(state: ConnectionState, cause: Error | undefined): void {
    this.#tell("onStateChange", () => this.#listener.onStateChange?.(state, cause));
  }

  linkGreeted(info: HelloInfo): void {
    const before = this.#info;
    this.#info = info;
    if (before !== undefined && !sameBytes(before.storeId, info.storeId)) {
      const message = `${this.#settings.address.display} leads to another store than before: versions that were read earlier mean nothing in it`;
      this.#warn({ code: "STORE_CHANGED", message });
    }
    if (info.syncMode !== "always" && !this.#hasWarnedOfSyncMode) {
      this.#hasWarnedOfSyncMode = true;
      const message = `${this.#settings.address.display} runs in sync mode ${info.syncMode}: a crash may take back writes that it acknowledged`;
      this.#warn({ code: "SYNC_MODE", message });
    }
    this.#connected();
  }

  linkRefused(error: HoldfastError): void {
    this.#connected(error);
    this.pipeline.rejectWaiting(
      (what) =>
        new ConnectionError(`Cannot ${what}: the server refuses the connection: ${error.message}`, {
          cause: error,
        }),
    );
  }

  async #close(): Promise<void> {
    this.#link.closing();
    await this.pipeline.drain(this.#settings.closeTimeoutMs);
    this.#stop(undefined);
  }

  #stop(cause: Error | undefined): void {
    this.pipeline.close();
    this.#link.stop(cause);
  }

  #unreachable(timeoutMs: number): ConnectionError {
    const cause = this.pipeline.connectionFailure;
    const reason = cause === undefined ? "there was no answer" : cause.message;
    const { display } = this.#settings.address;
    return new ConnectionError(
      `Cannot connect to ${display} within ${timeoutMs} ms: ${reason}; is the server running?`,
      { cause },
    );
  }

  #warn(warning: ClientWarning): void {
    this.#tell("onWarning", () => (this.#listener.onWarning ?? emitWarning)(warning));
  }

  /** A listener that throws is its owner's bug, which must neither stop the client nor pass unseen. */
  #tell(name: string, call: () => void): void {
    try {
      call();
    } catch (error) {
      emitWarning({ code: "LISTENER_FAILED", message: `${name} threw: ${String(error)}` });
    }
  }
}

function emitWarning(warning: ClientWarning): void {
  process.emitWarning(warning.message, { type: "HoldfastWarning", code: warning.code });
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
