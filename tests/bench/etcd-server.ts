import { benchDirectory, killAtExit } from "./bench-directory.ts";
import { freePort } from "./subjects.ts";

export interface EtcdServer extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
}

/** One node, which answers a put when it has synced it, as it always does. */
export async function startEtcd(dataDirectory: string | undefined): Promise<EtcdServer> {
  const directory = benchDirectory(dataDirectory, "etcd");
  const port = freePort();
  const client = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${freePort()}`;
  const flags = {
    "data-dir": directory.path,
    "listen-client-urls": client,
    "advertise-client-urls": client,
    "listen-peer-urls": peer,
    "initial-advertise-peer-urls": peer,
    "initial-cluster": `default=${peer}`,
    // Each put is a revision that stays: the default, 2 GB, would end a long run.
    "quota-backend-bytes": String(8 * 2 ** 30),
    "log-level": "error",
  };
  const words = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const child = Bun.spawn(["etcd", "--logger=zap", ...words], { stdout: "ignore", stderr: "ignore" });
  const keep = killAtExit(child);
  const endMs = performance.now() + startMsMax;
  while (!(await isHealthy(client))) {
    if (child.exitCode !== null) throw new Error(`etcd ended with ${child.exitCode} before it was ready`);
    if (performance.now() > endMs) throw new Error(`etcd is not ready after ${startMsMax} ms`);
    await Bun.sleep(50);
  }
  return {
    port,
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      keep();
      directory[Symbol.dispose]();
    },
  };
}

/** It has a leader: itself. */
async function isHealthy(url: string): Promise<boolean> {
  try {
    const { health } = (await (await fetch(`${url}/health`)).json()) as { health?: string };
    return health === "true";
  } catch {
    return false;
  }
}

const startMsMax = 30_000;
