import { connect as connectHttp2, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { connect } from 'node:net';

export interface RawAnswer {
  /** The number of the gRPC status; -1 when the stream was reset or the connection broke instead. */
  readonly code: number;
  readonly message: string;
  /** Whether a message came before. */
  readonly hasData: boolean;
}

const EMPTY_MESSAGE = Buffer.alloc(5);

/** A gRPC call as bare HTTP/2, so that nothing of a library stands between the headers and the agent. */
export const rawCall = (socket: string, path: string, headers: OutgoingHttpHeaders): Promise<RawAnswer> =>
  new Promise((resolve) => {
    const session = connectHttp2('http://localhost', { createConnection: () => connect(socket) });
    let [hasData, code, message] = [false, -1, 'the connection broke'];
    const read = (answer: IncomingHttpHeaders): void => {
      if (answer['grpc-status'] === undefined) return;
      code = Number(answer['grpc-status']);
      message = decodeURIComponent(String(answer['grpc-message'] ?? ''));
    };
    const end = (): void => {
      session.destroy();
      resolve({ code, message, hasData });
    };
    session.on('error', end);
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    stream.setTimeout(10_000, end);
    stream.on('response', read).on('trailers', read);
    stream.on('error', (error) => (message = error.message));
    stream.on('data', () => {
      hasData = true;
      // A stream goes on after its first message, which is all that is asked for here.
      code = 0;
      stream.close();
    });
    stream.on('close', end);
    stream.end(EMPTY_MESSAGE);
  });
