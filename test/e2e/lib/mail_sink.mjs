/*
 * mail_sink.mjs: an SMTP server that keeps every message and delivers none, with an HTTP face on loopback:
 *   GET /messages      a JSON list of {from, to, raw, at}, in the order in which they came
 *   DELETE /messages   forgets them
 *   POST /faults       {"mode": "rcpt_550", "times": 1}: what goes wrong from now on, so many times (always); the modes are the rows below
 * In-process, choose(local part of the sender) may give {mode, times} to a sender of its own; ledger() tells, by the id of each message, how
 * often it was whole here (deliveries), how often it was then sent away (postponed), and how often it was kept (effects).
 * Run as a program (test/with-server --mail) it says MAIL_SINK_URL= and SMTP_URL=, one a line, and stays until it is ended.
 */
import http from 'node:http';
import { pathToFileURL } from 'node:url';
import { SMTPServer } from 'smtp-server';

// What each mode does instead of the usual: an answer (a number) or the end of the connection.
export const modes = {
  none: {},
  mail_from_450: { mailFrom: 450 },
  mail_from_550: { mailFrom: 550 },
  rcpt_450: { rcpt: 450 },
  rcpt_550: { rcpt: 550 },
  data_451: { taken: 451 },
  data_554: { taken: 554 },
  drop_before_data: { begin: 'drop' }, // the command DATA gets no answer
  drop_in_data: { within: 'drop' },
  drop_after_data: { kept: 'drop' }, // the message is there, and the 250 never comes
};

const refusal = (code) => Object.assign(new Error(`refused with ${code}`), { responseCode: code });

const listening = (server) => new Promise((done, fail) => {
  server.on('error', fail);
  server.listen(0, '127.0.0.1', () => done(server.address().port));
});

export async function startMailSink({ choose = () => null } = {}) {
  let messages = [];
  let fault = { mode: 'none', left: Infinity };
  const entries = new Map(); // by message id
  const chosen = new Map(); // by sender: {mode, left}
  const met = new Map(); // by mode
  const sockets = new Map(); // by the client's port

  const faultOf = (session) => {
    const sender = session.envelope.mailFrom && session.envelope.mailFrom.address.split('@')[0];
    if (!chosen.has(sender)) {
      const own = choose(sender);
      chosen.set(sender, own && { mode: own.mode, left: own.times });
    }
    return chosen.get(sender) ?? fault;
  };
  // The fault at this place of the dialogue, if it is due; taking it uses it up.
  const take = (place, session) => {
    const due = faultOf(session);
    const what = due.left > 0 ? modes[due.mode][place] : undefined;
    if (what) {
      due.left--;
      met.set(due.mode, (met.get(due.mode) ?? 0) + 1);
    }
    return what;
  };
  const answer = (place, session, done) => {
    const code = take(place, session);
    done(code ? refusal(code) : undefined);
  };
  const entryOf = (raw) => {
    const id = /^Message-ID: <(.*)>\r$/mi.exec(raw)?.[1] ?? '';
    if (!entries.has(id)) entries.set(id, { deliveries: 0, postponed: 0, effects: 0 });
    return entries.get(id);
  };

  function receive(stream, session, done) {
    const socket = sockets.get(session.remotePort);
    const chunks = [];
    if (take('begin', session)) {
      socket.destroy();
      return;
    }
    stream.on('data', (chunk) => {
      chunks.push(chunk);
      if (take('within', session)) socket.destroy();
    });
    stream.on('end', () => {
      if (socket.destroyed) return;
      const raw = Buffer.concat(chunks).toString();
      const entry = entryOf(raw);
      const code = take('taken', session);
      entry.deliveries++;
      if (code) {
        if (code < 500) entry.postponed++;
        done(refusal(code));
        return;
      }
      const { mailFrom, rcptTo } = session.envelope;
      entry.effects++;
      messages.push({ from: mailFrom.address, to: rcptTo.map(({ address }) => address), raw, at: new Date().toISOString() });
      if (take('kept', session)) socket.destroy();
      else done();
    });
  }

  const smtp = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'], disableReverseLookup: true,
    // smtp-server writes the envelope after this callback
    onMailFrom: (address, session, done) => answer('mailFrom', { envelope: { mailFrom: address } }, done),
    onRcptTo: (address, session, done) => answer('rcpt', session, done),
    onData: receive,
  });
  smtp.server.on('connection', (socket) => {
    const port = socket.remotePort;
    sockets.set(port, socket);
    socket.on('close', () => sockets.delete(port));
  });

  const routes = {
    'GET /messages': () => [200, messages],
    'DELETE /messages': () => { messages = []; return [200, messages]; },
    'POST /faults': (body) => {
      const { mode, times = Infinity } = JSON.parse(body);
      if (!Object.hasOwn(modes, mode)) return [400, { modes: Object.keys(modes) }];
      fault = { mode, left: times };
      return [200, { mode }];
    },
  };
  const face = http.createServer(async (request, response) => {
    const chunks = await request.toArray();
    const [status, body] = routes[`${request.method} ${request.url}`]?.(Buffer.concat(chunks).toString()) ?? [404, { routes: Object.keys(routes) }];
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });

  const [smtpPort, httpPort] = await Promise.all([listening(smtp.server), listening(face)]);
  smtp.on('error', () => {}); // a connection that was dropped
  return {
    url: `http://127.0.0.1:${httpPort}`,
    smtpUrl: `smtp://127.0.0.1:${smtpPort}`,
    met,
    ledger: () => new Map([...entries].map(([id, entry]) => [id, { ...entry }])),
    close() {
      for (const socket of sockets.values()) socket.destroy();
      smtp.server.close();
      face.close();
      face.closeAllConnections();
    },
  };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const sink = await startMailSink();
  process.stdout.write(`MAIL_SINK_URL=${sink.url}\nSMTP_URL=${sink.smtpUrl}\n`);
}
