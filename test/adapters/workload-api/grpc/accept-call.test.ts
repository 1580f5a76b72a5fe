import { acceptCall } from '../../../../src/adapters/workload-api/grpc/accept-call.ts';
import { ServiceTable } from '../../../../src/adapters/workload-api/grpc/service-table.ts';
import { FairTurns } from '../../../../src/adapters/workload-api/http2/fair-turns.ts';
import { Http2Server } from '../../../support/http2-server.ts';
import { DATA, END_HEADERS, END_STREAM, frame, header, HEADERS, RST_STREAM } from '../../../support/raw-http2.ts';

const serve = (): Http2Server => {
  const delays = { after: () => () => undefined };
  const share = new FairTurns().share();
  const context = { peer: undefined, room: share.requests, share, delays, failed: () => undefined };
  return Http2Server.begun((stream, head) => acceptCall(new ServiceTable(), context, stream, head));
};
const ask = (server: Http2Server, method: string, contentType: string | undefined, flags: number): void =>
  server.say(
    frame(
      HEADERS,
      END_HEADERS | flags,
      1,
      Buffer.concat([
        header(':method', method),
        header(':scheme', 'http'),
        header(':path', '/a.B/Get'),
        ...(contentType === undefined ? [] : [header('content-type', contentType)]),
      ]),
    ),
  );

describe('a request that is no call of a method', () => {
  test.each<[string, string, string | undefined, object]>([
    ['another method', 'GET', 'application/grpc', { ':status': '405' }],
    ['no content', 'POST', undefined, { ':status': '415' }],
    ['content for browsers', 'POST', 'application/grpc-web', { ':status': '415' }],
    ['other content', 'POST', 'text/plain', { ':status': '415' }],
    ['a method that is not there', 'POST', 'application/grpc', { ':status': '200', 'grpc-status': '12' }],
    ['… with the kind of messages', 'POST', 'application/grpc+proto', { ':status': '200', 'grpc-status': '12' }],
    ['… with a parameter', 'POST', 'application/grpc;a=b', { ':status': '200', 'grpc-status': '12' }],
  ])('%s is answered at once, with one block', (_name, method, contentType, expected) => {
    const server = serve();
    ask(server, method, contentType, END_STREAM);
    expect(server.said(1).headers).toEqual([expect.objectContaining(expected)]);
    expect(server.of(HEADERS, 1)[0]?.flags).toBe(END_HEADERS | END_STREAM);
    expect([server.of(RST_STREAM, 1).length, server.connection.openStreams]).toEqual([0, 0]);
  });

  test('is not to be continued, and what was under way is passed over (RFC 9113 §8.1)', () => {
    const server = serve();
    ask(server, 'GET', 'text/plain', 0);
    server.say(frame(DATA, 0, 1, Buffer.from('more')), frame(DATA, END_STREAM, 1, Buffer.from('and more')));
    expect(server.of(RST_STREAM, 1).map(({ content }) => content.readUInt32BE())).toEqual([0]);
  });
});
