// HTTP by hand: exactly these bytes, and whatever comes back.
import net from 'node:net';

// Answers in the order in which they came; a HEAD's answer has no body.
export function parseAnswers(bytes, heads = 0) {
  const answers = [];
  let rest = bytes;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end < 0) return { answers, rest };
    const [statusLine, ...lines] = rest.subarray(0, end).toString('latin1').split('\r\n');
    const headers = {};
    for (const line of lines) headers[line.slice(0, line.indexOf(':')).toLowerCase()] = line.slice(line.indexOf(':') + 1).trim();
    const status = Number(statusLine.split(' ')[1]);
    const length = answers.length < heads || status === 304 || status < 200 ? 0 : Number(headers['content-length'] ?? 0);
    if (rest.length < end + 4 + length) return { answers, rest };
    answers.push({ status, headers, body: rest.subarray(end + 4, end + 4 + length) });
    rest = rest.subarray(end + 4 + length);
  }
}

// Sends the pieces one after the other, each in a packet of its own, and resolves when `want` answers are there or the server closes.
export function exchange(port, pieces, { want = 1, heads = 0, within = 15000 } = {}) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    const began = performance.now();
    const chunks = [];
    const timer = setTimeout(() => { socket.destroy(); reject(new Error(`no answer within ${within} ms`)); }, within);
    const finish = (closed) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ ...parseAnswers(Buffer.concat(chunks), heads), closed, ms: performance.now() - began });
    };
    socket.on('connect', async () => {
      for (const piece of [pieces].flat()) {
        socket.write(piece);
        await new Promise((done) => setImmediate(done));
      }
    });
    socket.on('data', (data) => {
      chunks.push(data);
      const { answers } = parseAnswers(Buffer.concat(chunks), heads);
      // a server that says it closes is given the time to do it
      if (answers.length >= want && answers.at(-1).headers.connection !== 'close') finish(false);
    });
    socket.on('close', () => finish(true));
    socket.on('error', () => {});
  });
}

export const portOf = (url) => Number(new URL(url).port);
