/*
 * proxy.mjs: a TCP proxy between shim and database that can cut a connection behind a given byte, hold everything back for a while, hand on
 * single bytes, or swallow everything as a dead network does. The database's side is its Unix socket, where the shim's role needs no password.
 */
import net from 'node:net';
import { pause } from './harness.mjs';

export class Proxy {
  static async start(socketPath) {
    const proxy = new Proxy();
    Object.assign(proxy, { socketPath, links: new Set(), delay: 0, piece: Infinity, swallowing: false, armed: null, refusing: false, cuts: 0, bytes: { up: 0, down: 0 } });
    proxy.server = net.createServer((client) => proxy.accept(client));
    await new Promise((done) => { proxy.server.listen(0, '127.0.0.1', done); });
    proxy.port = proxy.server.address().port;
    return proxy;
  }

  accept(client) {
    if (this.refusing) { client.resetAndDestroy(); return; }
    const server = net.connect(this.socketPath);
    const link = { client, server };
    client.setNoDelay(true);
    this.links.add(link);
    for (const [direction, from, to] of [['up', client, server], ['down', server, client]]) {
      let last = Promise.resolve();
      from.on('data', (data) => {
        from.pause();
        last = last.then(() => this.forward(link, direction, data, to)).then(() => from.resume());
      });
      from.on('error', () => this.drop(link));
      from.on('close', () => { last.then(() => this.drop(link)); });
    }
  }

  // Both ends see an end without a word, as when a machine on the way goes away.
  drop(link) {
    if (!this.links.delete(link)) return;
    link.client.destroy();
    link.server.destroy();
  }

  dropAll() { for (const link of [...this.links]) this.drop(link); }

  async forward(link, direction, data, to) {
    for (let at = 0; at < data.length && this.links.has(link);) {
      while (this.swallowing && this.links.has(link)) await pause(5);
      if (this.delay > 0) await pause(this.delay);
      let part = data.subarray(at, at + Math.min(this.piece, data.length - at));
      const { armed } = this;
      const cutting = armed?.direction === direction && armed.left < part.length;
      if (cutting) part = part.subarray(0, armed.left);
      if (armed?.direction === direction) armed.left -= part.length;
      this.bytes[direction] += part.length;
      at += part.length;
      if (part.length > 0 && this.links.has(link)) await this.write(to, part);
      if (cutting) {
        this.cuts++;
        armed.times--;
        if (armed.times === 0) this.armed = null;
        else armed.left = armed.after;
        this.drop(link);
        armed.cut();
        return;
      }
    }
  }

  // Until the bytes are the kernel's: what is cut afterwards does not take them back.
  write(to, bytes) {
    return new Promise((done) => {
      to.once('close', done);
      to.write(bytes, () => { to.off('close', done); done(); });
    });
  }

  // Cuts a connection when it has handed on so many more bytes in this direction, and the next one likewise. Resolves at the first cut.
  cut(direction, after, times = 1) {
    return new Promise((cut, reject) => {
      const timer = setTimeout(() => reject(new Error(`nothing to cut within 15 s, ${this.armed?.left} bytes left of ${after} ${direction}`)), 15000);
      this.armed = { direction, after, left: after, times, cut: () => { clearTimeout(timer); cut(); } };
    });
  }

  disarm() {
    this.armed?.cut();
    this.armed = null;
  }

  // Neither old nor new connections get anywhere; heal() hands on what was held back.
  swallow() { this.swallowing = true; }

  // Whoever connects is turned away, and whoever is connected is cut.
  refuse() { this.refusing = true; this.dropAll(); }

  heal() { Object.assign(this, { delay: 0, piece: Infinity, swallowing: false, refusing: false }); }

  stop() { this.dropAll(); this.server.close(); }
}
