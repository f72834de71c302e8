/*
 * mail_sink.mjs: an SMTP server that keeps every message and delivers none, with an HTTP face on loopback:
 *   GET /messages      a JSON list of {from, to, raw, at}, in the order in which they came
 *   DELETE /messages   forgets them
 *   POST /faults       {"mode": "rcpt_550", "times": 1}: what goes wrong from now on, so many times (always); the modes are the rows below
 * Run as a program (test/with-server --mail) it says MAIL_SINK_URL= and SMTP_URL=, one a line, and stays until it is ended.
 */
import http from 'node:http';
import { pathToFileURL } from 'node:url';
import { SMTPServer } from 'smtp-server';

// What each mode does instead of the usual: an answer (a number) or the end of the connection.
const modes = {
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

export async function startMailSink() {
  let messages = [];
  let fault = { mode: 'none', left: Infinity };
  const sockets = new Map(); // by the client's port

  // The fault at this place of the dialogue, if it is due; taking it uses it up.
  const take = (place) => {
    const what = fault.left > 0 ? modes[fault.mode][place] : undefined;
    if (what) fault.left--;
    return what;
  };
  const answer = (place, done) => {
    const code = take(place);
    done(code ? refusal(code) : undefined);
  };

  function receive(stream, session, done) {
    const socket = sockets.get(session.remotePort);
    const chunks = [];
    if (take('begin')) {
      socket.destroy();
      return;
    }
    stream.on('data', (chunk) => {
      chunks.push(chunk);
      if (take('within')) socket.destroy();
    });
    stream.on('end', () => {
      if (socket.destroyed) return;
      const code = take('taken');
      if (code) {
        done(refusal(code));
        return;
      }
      const { mailFrom, rcptTo } = session.envelope;
      messages.push({ from: mailFrom.address, to: rcptTo.map(({ address }) => address), raw: Buffer.concat(chunks).toString(), at: new Date().toISOString() });
      if (take('kept')) socket.destroy();
      else done();
    });
  }

  const smtp = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'], disableReverseLookup: true,
    onMailFrom: (address, session, done) => answer('mailFrom', done),
    onRcptTo: (address, session, done) => answer('rcpt', done),
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
