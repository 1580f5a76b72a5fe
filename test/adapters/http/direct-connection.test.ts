import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { type Answer, defineRoute, type Route } from '../../../src/adapters/http/route.ts';
import { changingIdentity, newTlsIdentity, startServer, type StartOptions, testServices } from '../../support/http.ts';

const post = (path: string, handle: (body: string) => Answer | Promise<Answer>): Route =>
  defineRoute({
    method: 'POST',
    path,
    listeners: ['api'],
    summary: 'does what it is told',
    access: { kind: 'none' },
    bodyKind: 'raw',
    maxBytes: 8192,
    answers: [],
    refusals: [],
    handle: (_context, { body }) => handle(Buffer.from(body).toString()),
  });

/** Answers when told, once it was asked. */
const gate = () => {
  const entered = Promise.withResolvers<void>();
  const open = Promise.withResolvers<Answer>();
  const route = post('/gate', () => {
    entered.resolve();
    return open.promise;
  });
  return { route, entered: entered.promise, open: open.resolve };
};

const echo = post('/echo', (body) => ({ body: { heard: body } }));
const get: Route = { ...echo, method: 'GET', ignoresBody: true, handle: () => ({ body: 'got' }) };

const asked = (path: string, body: string, more = ''): string =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${more}\r\n${body}`;

/** A peer that writes what it is told and keeps what it hears. */
class RawPeer {
  readonly socket: TLSSocket;
  heard = '';
  readonly closed: Promise<unknown>;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    this.socket.on('data', (chunk: Buffer) => {
      this.heard += chunk.toString();
    });
    this.socket.on('error', () => undefined);
    this.closed = once(this.socket, 'close');
  }

  /** Writes, and resolves once the peer's own side has it and what comes back fits. Gives what came back since. */
  async ask(text: string, until: RegExp): Promise<string> {
    const from = this.heard.length;
    this.socket.write(text);
    while (!until.test(this.heard.slice(from))) await once(this.socket, 'data');
    return this.heard.slice(from);
  }
}

const withServer = async (
  routes: readonly Route[],
  options: StartOptions,
  visit: (port: number, close: () => Promise<void>) => Promise<void>,
): Promise<void> => {
  const identity = changingIdentity(await newTlsIdentity());
  const { server, port } = await startServer(routes, { identity, ...options });
  try {
    await visit(port, () => server.close());
  } finally {
    await server.close();
  }
};

/** How the library writes a header that we write in lower case. */
const BY_LIBRARY = /\r\nKeep-Alive: timeout=65\r\n/;
const DIRECTLY = /\r\nkeep-alive: timeout=65\r\n/;

test('requests are answered one after the other, with all that an answer has', async () => {
  await withServer([echo], {}, async (port) => {
    const peer = new RawPeer(port);
    const first = await peer.ask(asked('/echo', 'one'), /\}$/);
    expect(first).toMatch(DIRECTLY);
    expect(first).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(first).toMatch(/\r\ncontent-type: application\/json\r\ncontent-length: 15\r\n/);
    expect(first).toMatch(/\r\ncache-control: no-store\r\n/);
    const date = /\r\ndate: (?<date>\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT)\r\n/.exec(first)?.groups?.['date'];
    expect(Math.abs(Date.parse(date ?? '') - Date.now())).toBeLessThan(60_000);
    expect(first).toMatch(/\r\n\r\n\{"heard":"one"\}$/);
    expect(await peer.ask(asked('/echo', 'two'), /\}$/)).toMatch(/\{"heard":"two"\}$/);
    peer.socket.destroy();
  });
});

test('text beyond ASCII and octets come as they are', async () => {
  const octets = Buffer.from('\u00e4\u20ac octets');
  const routes = [echo, post('/octets', () => ({ body: octets }))];
  await withServer(routes, {}, async (port) => {
    const peer = new RawPeer(port);
    const text = await peer.ask(asked('/echo', '\u00e4\u20ac'), /\}$/);
    expect(text).toMatch(/\r\ncontent-length: 17\r\n/);
    expect(text).toMatch(/\{"heard":"\u00e4\u20ac"\}$/);
    const raw = await peer.ask(asked('/octets', ''), /octets$/);
    expect(raw).toMatch(new RegExp(`content-length: ${octets.length}\r\n[^]*\r\n\r\n\u00e4\u20ac octets$`));
    peer.socket.destroy();
  });
});

test('an answer beyond one TLS record arrives whole, and the next one after it', async () => {
  const text = 'x'.repeat(300_000);
  await withServer([echo, post('/large', () => ({ body: `${text}.` }))], {}, async (port) => {
    const peer = new RawPeer(port);
    const large = await peer.ask(asked('/large', ''), /\.$/);
    expect(large).toMatch(DIRECTLY);
    expect(large.slice(large.indexOf('\r\n\r\n') + 4)).toBe(`${text}.`);
    expect(await peer.ask(asked('/echo', 'two'), /\}$/)).toMatch(/^HTTP\/1\.1 200 /);
    peer.socket.destroy();
  });
});

test('an answer without a body, one with a header several times, and refusals', async () => {
  const routes = [
    post('/nothing', () => ({ headers: { 'x-two': ['a', 'b'] } })),
    post('/split', () => ({ headers: { 'x-bad': 'a\r\nx-forged: b' } })),
  ];
  await withServer(routes, {}, async (port) => {
    const peer = new RawPeer(port);
    const nothing = await peer.ask(asked('/nothing', ''), /\r\n\r\n$/);
    expect(nothing).toMatch(/^HTTP\/1\.1 204 No Content\r\n/);
    expect(nothing).toMatch(/\r\nx-two: a\r\nx-two: b\r\n/);
    const split = await peer.ask(asked('/split', ''), /\}$/);
    expect(split).toMatch(/^HTTP\/1\.1 500 /);
    expect(split).not.toContain('forged');
    expect(await peer.ask(asked('/nothing', 'x'.repeat(9000)), /\}$/)).toMatch(/^HTTP\/1\.1 413 /);
    expect(await peer.ask(asked('/nothing', '').replace('octet-stream', 'json'), /\}$/)).toMatch(/^HTTP\/1\.1 415 /);
    expect(peer.heard).not.toMatch(BY_LIBRARY);
    peer.socket.destroy();
  });
});

test('a body in a packet of its own is waited for', async () => {
  const { entered, open, route } = gate();
  await withServer([echo, route], {}, async (port) => {
    const peer = new RawPeer(port);
    const whole = asked('/gate', 'body');
    peer.socket.write(whole.slice(0, -4));
    // The next one comes in a packet of its own for certain: another connection is answered before it is sent.
    const other = new RawPeer(port);
    await other.ask(asked('/echo', ''), /\}$/);
    other.socket.destroy();
    const answered = peer.ask('body', /\}$/);
    await entered;
    open({ body: {} });
    expect(await answered).toMatch(DIRECTLY);
    peer.socket.destroy();
  });
});

test.each([
  ['a body in many pieces', asked('/echo', 'abcdef').match(/^[^]*\r\n\r\n|[^]/g) ?? []],
  ['a head in pieces', asked('/echo', 'abcdef').match(/[^]{1,40}/g) ?? []],
  ['another method', ['GET /echo HTTP/1.1\r\nhost: x\r\n\r\n']],
  ['another path', [asked('/nowhere', 'x')]],
  ['chunks', [asked('/echo', '').replace('content-length: 0', 'transfer-encoding: chunked') + '3\r\nabc\r\n0\r\n\r\n']],
  ['a length beyond the limit', [asked('/echo', 'x'.repeat(20_000))]],
])('%s: the library answers, also what comes later', async (_name, parts) => {
  await withServer([echo, get], {}, async (port) => {
    const peer = new RawPeer(port);
    expect(await peer.ask(asked('/echo', 'first'), /\}$/)).toMatch(DIRECTLY);
    for (const part of parts.slice(0, -1)) {
      peer.socket.write(part);
      const other = new RawPeer(port);
      await other.ask(asked('/echo', ''), /\}$/);
      other.socket.destroy();
    }
    const answer = await peer.ask(parts.at(-1) ?? '', /\r\n\r\n.+$/);
    expect(answer).toMatch(BY_LIBRARY);
    expect(await peer.ask(asked('/echo', 'last'), /"last"\}$/)).toMatch(BY_LIBRARY);
    peer.socket.destroy();
  });
});

test('what is not HTTP is told so, and cut off', async () => {
  await withServer([echo], {}, async (port) => {
    const peer = new RawPeer(port);
    peer.socket.write('hello there\r\n\r\n');
    await peer.closed;
    expect(peer.heard).toMatch(/^HTTP\/1\.1 400 /);
  });
});

test('two requests in one packet are both answered, in order', async () => {
  await withServer([echo], {}, async (port) => {
    const peer = new RawPeer(port);
    const both = await peer.ask(asked('/echo', 'one') + asked('/echo', 'two'), /"two"\}$/);
    expect(both).toMatch(/"one"[^]*"two"/);
    peer.socket.destroy();
  });
});

test('a request that comes while another is at work waits for it', async () => {
  const { entered, open, route } = gate();
  await withServer([echo, route], {}, async (port) => {
    const peer = new RawPeer(port);
    peer.socket.write(asked('/gate', ''));
    await entered;
    const answered = peer.ask(asked('/echo', 'later'), /"later"\}$/);
    const other = new RawPeer(port);
    await other.ask(asked('/echo', ''), /\}$/);
    other.socket.destroy();
    expect(peer.heard).toBe('');
    open({ body: { gate: 'open' } });
    expect(await answered).toMatch(/"gate":"open"[^]*"later"/);
    peer.socket.destroy();
  });
});

test('a peer that goes while its request is at work takes no place for longer', async () => {
  const { entered, open, route } = gate();
  const services = testServices();
  await withServer([echo, route], { services }, async (port) => {
    const peer = new RawPeer(port);
    peer.socket.write(asked('/gate', ''));
    await entered;
    peer.socket.destroy();
    await peer.closed;
    open({ body: {} });
    const other = new RawPeer(port);
    await other.ask(asked('/echo', ''), /\}$/);
    expect(services.admission.inFlight).toBe(0);
    other.socket.destroy();
  });
});

describe('whoever is slow', () => {
  const limits = { headersTimeout: 100, keepAliveTimeout: 0 };

  test.each([
    ['says nothing', ''],
    ['leaves the body out', asked('/echo', 'body').slice(0, -1)],
  ])('and %s is cut off, and told why', async (_name, text) => {
    await withServer([echo], { limits }, async (port) => {
      const peer = new RawPeer(port);
      if (text !== '') peer.socket.write(text);
      await peer.closed;
      expect(peer.heard).toMatch(/^HTTP\/1\.1 408 /);
    });
  });

  test('and asks nothing more is cut off a second after it was told', async () => {
    await withServer([echo], { limits }, async (port) => {
      const peer = new RawPeer(port);
      const answer = await peer.ask(asked('/echo', 'one'), /\}$/);
      expect(answer).toMatch(/keep-alive: timeout=0\r\n/);
      await peer.closed;
      expect(peer.heard).toBe(answer);
    });
  });

  test('waits as long as we take for the answer', async () => {
    const { entered, open, route } = gate();
    await withServer([route, echo], { limits }, async (port) => {
      const slow = new RawPeer(port);
      slow.socket.write(asked('/gate', ''));
      await entered;
      const idle = new RawPeer(port);
      await idle.ask(asked('/echo', 'one'), /\}$/);
      // It began to idle later than the other began to wait, and is cut off.
      await idle.closed;
      open({ body: {} });
      while (!slow.heard.endsWith('{}')) await once(slow.socket, 'data');
      slow.socket.destroy();
    });
  });
});

test('at the end idle connections go, and what is at work is answered, the last time', async () => {
  const { entered, open, route } = gate();
  await withServer([echo, route], {}, async (port, close) => {
    const idle = new RawPeer(port);
    await idle.ask(asked('/echo', 'one'), /\}$/);
    const busy = new RawPeer(port);
    const answered = busy.ask(asked('/gate', ''), /\}$/);
    await entered;
    const closed = close();
    await idle.closed;
    open({ body: {} });
    expect(await answered).toMatch(/\r\nconnection: close\r\n/);
    await Promise.all([busy.closed, closed]);
  });
});
