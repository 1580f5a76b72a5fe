import type { Route } from '../../../src/adapters/http/route.ts';
import { asked, echo, gate, post, RawPeer, withServer } from '../../support/direct-server.ts';

const get: Route = { ...echo, method: 'GET', ignoresBody: true, handle: () => ({ body: 'got' }) };

/** How the library writes a header that we write in lower case. */
const BY_LIBRARY = /\r\nKeep-Alive: timeout=65\r\n/g;
const DIRECTLY = /\r\nkeep-alive: timeout=65\r\n/g;

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
    post('/nothing', () => ({ headers: { 'x-two': ['a', 'b'] } }), { maxBytes: 8192 }),
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

test.each([
  ['a body in a packet of its own', asked('/echo', 'abcdef').match(/^[^]*\r\n\r\n|abcdef/g) ?? []],
  ['a body in many pieces', asked('/echo', 'abcdef').match(/^[^]*\r\n\r\n|[^]/g) ?? []],
  ['a head in pieces', asked('/echo', 'abcdef').match(/[^]{1,40}/g) ?? []],
  ['another method', ['GET /echo HTTP/1.1\r\nhost: x\r\n\r\n']],
  ['another path', [asked('/nowhere', 'x')]],
  ['chunks', [`${asked('/echo', '').replace('content-length: 0', 'transfer-encoding: chunked')}3\r\nabc\r\n0\r\n\r\n`]],
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

test('a request that comes while another is at work waits for it, and goes to the library', async () => {
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
    expect(peer.heard.match(DIRECTLY)).toHaveLength(1);
    expect(peer.heard.match(BY_LIBRARY)).toHaveLength(1);
    peer.socket.destroy();
  });
});
