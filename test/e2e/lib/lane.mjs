// One connection that is kept: exactly these bytes, one answer to each request, and whatever else comes is a fault.
import net from 'node:net';

const END = Buffer.from('\r\n\r\n');

// The first whole answer in `bytes`, or null.
export function firstAnswer(bytes, bodiless) {
  const end = bytes.indexOf(END);
  if (end < 0) return null;
  const [statusLine, ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const headers = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    headers[name] = name in headers ? `${headers[name]}, ${line.slice(colon + 1).trim()}` : line.slice(colon + 1).trim();
  }
  const status = Number(statusLine.slice(9, 12));
  const length = bodiless || status === 304 || status === 204 ? 0 : Number(headers['content-length'] ?? 0);
  if (bytes.length < end + 4 + length) return null;
  return { status, headers, body: bytes.subarray(end + 4, end + 4 + length), size: end + 4 + length };
}

export class Lane {
  constructor(port, within = 15000) {
    this.port = port;
    this.within = within;
  }

  connect() {
    this.received = Buffer.alloc(0);
    this.socket = net.connect({ port: this.port, host: '127.0.0.1', noDelay: true });
    this.socket.on('data', (data) => {
      this.received = this.received.length ? Buffer.concat([this.received, data]) : data;
      this.look();
    });
    this.socket.on('error', (error) => { this.error = error; });
    this.socket.on('close', () => { this.socket = null; this.look(true); });
  }

  // An answer that says the connection ends is held until it has.
  look(closed = false) {
    if (!this.waiting) return;
    const { bodiless, done, fail } = this.waiting;
    const answer = firstAnswer(this.received, bodiless);
    if (!answer && !closed) return;
    if (answer && answer.headers.connection === 'close' && !closed) return;
    this.waiting = null;
    // whose head it could not read, the server cannot know that it was a HEAD
    if (answer && bodiless && closed && this.received.length - answer.size === Number(answer.headers['content-length'])) {
      answer.body = this.received.subarray(answer.size);
      answer.size = this.received.length;
    }
    if (!answer) fail(new Error(`no answer, ${this.error?.code ?? 'closed'}, after ${JSON.stringify(this.received.toString('latin1'))}`));
    else if (this.received.length > answer.size) fail(new Error(`more than one answer: ${this.received.toString('latin1', 0, 600)}`));
    else done({ ...answer, closed });
    this.received = Buffer.alloc(0);
  }

  async ask(bytes, { bodiless = false } = {}) {
    if (this.received?.length) throw new Error(`bytes that nobody asked for: ${this.received.toString('latin1', 0, 600)}`);
    if (!this.socket) this.connect();
    let timer;
    const answer = new Promise((done, fail) => {
      this.waiting = { bodiless, done, fail };
      timer = setTimeout(() => { this.waiting = null; this.socket?.destroy(); fail(new Error(`no answer within ${this.within} ms`)); }, this.within);
    });
    this.socket.write(bytes);
    try {
      return await answer;
    } finally {
      clearTimeout(timer);
    }
  }

  close() { this.socket?.destroy(); }
}

// Every job once, by the first lane that is free; all failures, in the order of the jobs.
export async function drive(lanes, jobs, one) {
  const failures = [];
  let next = 0;
  await Promise.all(lanes.map(async (lane) => {
    while (next < jobs.length) {
      const at = next++;
      try {
        await one(lane, jobs[at], at);
      } catch (error) {
        failures.push([at, error]);
      }
    }
  }));
  return failures.sort(([a], [b]) => a - b).map(([, error]) => error);
}
