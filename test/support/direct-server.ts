import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { type Answer, defineRoute, type Route } from '../../src/adapters/http/route.ts';
import { changingIdentity, newTlsIdentity, startServer, type StartOptions } from './http.ts';

/** A route whose body is told to `handle` as text. */
export const post = (
  path: string,
  handle: (body: string) => Answer | Promise<Answer>,
  more: Partial<Route> = {},
): Route => ({
  ...defineRoute({
    method: 'POST',
    path,
    listeners: ['api'],
    summary: 'does what it is told',
    access: { kind: 'none' },
    bodyKind: 'raw',
    answers: [],
    refusals: [],
    handle: (_context, { body }) => handle(Buffer.from(body).toString()),
  }),
  ...more,
});

/** Answers when told, once it was asked. */
export const gate = () => {
  const entered = Promise.withResolvers<void>();
  const open = Promise.withResolvers<Answer>();
  const route = post('/gate', () => {
    entered.resolve();
    return open.promise;
  });
  return { route, entered: entered.promise, open: open.resolve };
};

export const echo = post('/echo', (body) => ({ body: { heard: body } }));

export const asked = (path: string, body: string, more = ''): string =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${more}\r\n${body}`;

/** A peer that writes what it is told and keeps what it hears. */
export class RawPeer {
  readonly socket: TLSSocket;
  heard = '';
  readonly closed: Promise<unknown>;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    this.socket.on('data', (chunk: Buffer) => {
      this.heard += chunk.toString();
    });
    this.socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => this.socket.once('close', resolve));
  }

  /** Writes, and resolves once the peer's own side has it and what comes back fits. Gives what came back since. */
  async ask(text: string, until: RegExp): Promise<string> {
    const from = this.heard.length;
    this.socket.write(text);
    while (!until.test(this.heard.slice(from))) await once(this.socket, 'data');
    return this.heard.slice(from);
  }
}

export const withServer = async (
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
