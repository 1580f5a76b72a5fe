import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { serveDirectly } from '../../../src/adapters/http/direct-connection.ts';
import { AnswerLines, type WholeAnswer } from '../../../src/adapters/http/whole-answer.ts';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { systemTimers } from '../../../src/adapters/system/timers.ts';
import { asked, echo, gate, post, RawPeer, withServer } from '../../support/direct-server.ts';
import { newTlsIdentity, testServices } from '../../support/http.ts';

/** More than the kernel takes for a peer that reads nothing. */
const HUGE = 'x'.repeat(20_000_000);

describe('a peer that writes on and does not read its answer', () => {
  test('is cut off, however often it writes', async () => {
    const { entered, open, route } = gate();
    await withServer([route], { limits: { keepAliveTimeout: 0 } }, async (port) => {
      const peer = new RawPeer(port);
      peer.socket.write(asked('/gate', ''));
      await entered;
      peer.socket.pause();
      open({ body: HUGE });
      const writing = setInterval(() => peer.socket.write('P'), 100);
      await peer.closed;
      clearInterval(writing);
    });
  });

  test('has what it asks for later not begun when the server ends', async () => {
    let echoed = 0;
    const counting = post('/echo', () => {
      echoed += 1;
      return {};
    });
    const { entered, open, route } = gate();
    await withServer([route, counting], {}, async (port, close) => {
      const peer = new RawPeer(port);
      peer.socket.write(asked('/gate', ''));
      await entered;
      peer.socket.pause();
      open({ body: `${HUGE}.` });
      await new Promise((resolve) => peer.socket.write(asked('/echo', ''), resolve));
      // Whatever the peer has written is with the server by the time it answers another one.
      const other = new RawPeer(port);
      await other.ask(asked('/echo', ''), /\r\n\r\n$/);
      const closed = close();
      peer.socket.resume();
      await Promise.all([peer.closed, closed]);
      expect(peer.heard).toMatch(/x\.$/);
      expect(echoed).toBe(1);
    });
  });
});

test('an answer ends with its connection, before anybody gave it', async () => {
  const { certificateChain: cert, privateKey: key } = await newTlsIdentity();
  const server = createServer({ cert, key });
  const ended = Promise.withResolvers<WholeAnswer>();
  serveDirectly(server, {
    app: { has: () => true, answer: ({ socket }) => socket.destroy() },
    lines: new AnswerLines(systemClock, 1000),
    began: (_socket, answer) => {
      answer.on('close', () => ended.resolve(answer));
      return true;
    },
    delays: systemTimers,
    tooSlow: (socket) => socket.destroy(),
    firstTimeout: 1000,
    keepAliveTimeout: 1000,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const peer = new RawPeer((server.address() as AddressInfo).port);
  peer.socket.write(asked('/gate', ''));
  const answer = await ended.promise;
  expect([answer.destroyed, answer.headersSent]).toEqual([true, false]);
  await peer.closed;
  server.close();
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

  test('and says nothing is cut off, and told why', async () => {
    await withServer([echo], { limits }, async (port) => {
      const peer = new RawPeer(port);
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
