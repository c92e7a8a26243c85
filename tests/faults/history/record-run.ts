import { join } from "node:path";
import { delayedSyncs } from "../../bench/delayed-syncs.ts";
import { randomBelow, seededRandom } from "../../../src/lib/random.ts";
import { eventually } from "../../support/eventually.ts";
import { type RunningServerProcess, startServer } from "../../support/server-process.ts";
import { whyNoStrace } from "../../support/strace.ts";
import { type History, HistoryRecorder } from "./history.ts";
import { RecordedClient } from "./recorded-client.ts";

export interface RecordRunOptions {
  /** The store's; it may have a history already, as long as that is not to be judged. */
  readonly directory: string;
  readonly seed: number;
  /** How often the server is started; all but the last of them end with a SIGKILL. */
  readonly lives: number;
  readonly clients: number;
  /** Where the program is. Default: this project. */
  readonly root?: string;
  /** Every other life's syncs take so much longer, where system calls can be delayed. Default: 0, none. */
  readonly syncDelayMs?: number;
}

export interface RecordedRun {
  readonly history: History;
  readonly kills: number;
  readonly disconnects: number;
  /** Lives in which every sync was slow. */
  readonly slowLives: number;
}

/**
 * Drives the real server with clients who meet on few keys, kills it over and over and starts it on the same directory,
 * and takes down one history over all its lives. Each life begins and the last one ends with a read of everything.
 *
 * What the clients ask follows from the seed; how they are interleaved, and when the kill comes, does not.
 */
export async function recordRun(options: RecordRunOptions): Promise<RecordedRun> {
  const { seed, lives, syncDelayMs = 0 } = options;
  const random = seededRandom(seed);
  const recorder = new HistoryRecorder();
  const tags = { nextTag: 1 };
  const counts = { kills: 0, disconnects: 0, slowLives: 0 };
  for (let life = 0; life < lives; life++) {
    const isSlow = syncDelayMs > 0 && life % 2 === 1 && whyNoStrace === undefined;
    if (isSlow) counts.slowLives++;
    const isLast = life === lives - 1;
    const segmentBytesMax = [undefined, 4_096, 16_384][randomBelow(random, 3)];
    await using server = await startServer({
      dataDirectory: join(options.directory, "data"),
      segmentBytesMax,
      under: isSlow ? delayedSyncs(syncDelayMs) : [],
      ...(options.root === undefined ? {} : { root: options.root }),
    });
    recorder.lifeBegins(isSlow ? `start, with syncs that take ${syncDelayMs} ms more` : "start");
    const { port } = server;
    const shared = { port, recorder, keys, tags };
    const auditor = () =>
      new RecordedClient({ ...shared, name: "auditor", seed: 0, lanes: 1, isTyped: false });
    await auditor().readAll();
    const clients = Array.from({ length: options.clients }, (_, index) => {
      const [name, lanes] = [`client ${index}`, 1 + randomBelow(random, lanesMax)];
      return new RecordedClient({ ...shared, name, lanes, seed: random.uint32(), isTyped: index % 3 === 2 });
    });
    const enough =
      recorder.answeredCount + answersMin + randomBelow(random, isSlow ? answersMaxSlow : answersMax);
    const ended = Promise.all(clients.map((client) => client.run()));
    await server.unlessItEnds(() =>
      Promise.race([
        eventually("so many calls are answered", () => recorder.answeredCount >= enough),
        ended.then(() => Promise.reject(new Error("The clients ended before the server did"))),
      ]),
    );
    for (const client of clients) client.stop();
    if (isLast) {
      await ended;
      await auditor().readAll();
      await server.kill();
      recorder.lifeEnds("the end");
    } else {
      await kill(server, recorder);
      counts.kills++;
      await Promise.all(clients.map((client) => client.close()));
      await ended;
    }
    for (const { disconnects } of clients) counts.disconnects += disconnects;
  }
  return { history: recorder.history(), ...counts };
}

/** With calls in flight, whose outcome nobody knows then. */
async function kill(server: RunningServerProcess, recorder: HistoryRecorder): Promise<void> {
  await server.kill();
  recorder.lifeEnds("SIGKILL");
}

/** So few that every call meets others on its keys. */
const keys = ["key-a", "key-b", "key-c", "key-d", "key-e"];
const lanesMax = 4;
/** Of calls that are answered before the kill. */
const answersMin = 20;
const answersMax = 800;
const answersMaxSlow = 200;
