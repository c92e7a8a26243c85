/** A server in this process that speaks as much of Redis's protocol as the generator does, and can be told to err. */
export interface RespServer extends Disposable {
  readonly port: number;
  readonly entries: Map<string, Buffer>;
  /** How many requests it was sent. */
  readonly requests: number;
}

export interface Faults {
  /** So many requests are answered, then errors come. */
  requestsBeforeErrors?: number;
  /** Answers "+OK" and keeps nothing. */
  forgetsSets?: boolean;
}

export function startRespServer({
  requestsBeforeErrors = Infinity,
  forgetsSets = false,
}: Faults = {}): RespServer {
  const entries = new Map<string, Buffer>();
  let requests = 0;
  const answer = ([command, key, value]: Buffer[]): Buffer => {
    if (++requests > requestsBeforeErrors) return Buffer.from("-MISCONF the disk is full\r\n");
    const name = key!.toString("hex");
    if (command!.toString() === "SET") {
      if (!forgetsSets) entries.set(name, Buffer.from(value!));
      return Buffer.from("+OK\r\n");
    }
    const stored = entries.get(name);
    if (stored === undefined) return Buffer.from("$-1\r\n");
    return Buffer.concat([Buffer.from(`$${stored.length}\r\n`), stored, Buffer.from("\r\n")]);
  };
  const listener = Bun.listen<{ unread: Buffer; unsent: Buffer }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => void (socket.data = { unread: Buffer.alloc(0), unsent: Buffer.alloc(0) }),
      data(socket, chunk) {
        const bytes = Buffer.concat([socket.data.unread, chunk]);
        const answers: Buffer[] = [socket.data.unsent];
        let at = 0;
        for (let request = readRequest(bytes, 0); request !== undefined; request = readRequest(bytes, at)) {
          answers.push(answer(request.parts));
          at = request.end;
        }
        socket.data.unread = bytes.subarray(at);
        socket.data.unsent = Buffer.concat(answers);
        send(socket);
      },
      drain: send,
    },
  });
  return {
    port: listener.port,
    entries,
    get requests() {
      return requests;
    },
    [Symbol.dispose]: () => listener.stop(true),
  };
}

function send(socket: Bun.Socket<{ unsent: Buffer }>): void {
  const taken = socket.write(socket.data.unsent);
  if (taken > 0) socket.data.unsent = socket.data.unsent.subarray(taken);
}

/** The request that begins there, if it is whole. Keys and values may hold any byte. */
export function readRequest(bytes: Buffer, start: number): { parts: Buffer[]; end: number } | undefined {
  const parts: Buffer[] = [];
  let at = start;
  const number = () => {
    const end = bytes.indexOf("\r\n", at);
    if (end === -1) return undefined;
    const digits = bytes.toString("latin1", at + 1, end);
    at = end + 2;
    return Number(digits);
  };
  for (let left = number(); left !== 0; left--) {
    const length = left === undefined ? undefined : number();
    if (left === undefined || length === undefined || at + length + 2 > bytes.length) return undefined;
    parts.push(bytes.subarray(at, at + length));
    at += length + 2;
  }
  return { parts, end: at };
}
