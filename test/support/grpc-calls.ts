import { acceptCall } from '../../src/adapters/workload-api/grpc/accept-call.ts';
import type { ServerCall } from '../../src/adapters/workload-api/grpc/server-call.ts';
import { ServiceTable } from '../../src/adapters/workload-api/grpc/service-table.ts';
import { FairTurns } from '../../src/adapters/workload-api/http2/fair-turns.ts';
import { Http2Server, number32 } from './http2-server.ts';
import { END_HEADERS, frame, grpcHeaders, HEADERS } from './raw-http2.ts';

/** Calls of gRPC without a network: a service of one method of each kind, whose messages are texts. */

export type Call = ServerCall<string>;
export type Respond = (error: unknown, answer?: unknown) => void;

export const message = (text: string, bytes = Buffer.byteLength(text)): Buffer =>
  Buffer.concat([Buffer.of(0), number32(bytes), Buffer.from(text)]);

const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/test/${name}`,
  originalName: name,
  requestStream,
  responseStream,
  requestSerialize: (text: string) => Buffer.from(text),
  requestDeserialize: (octets: Buffer) => {
    if (octets.includes('bad')) throw new Error('bad');
    return octets.toString();
  },
  responseSerialize: (answer: string | Buffer) => (Buffer.isBuffer(answer) ? answer : Buffer.from(answer)),
  responseDeserialize: (octets: Buffer) => octets.toString(),
});

const DEFINITION = {
  Unary: method('Unary', false, false),
  Watch: method('Watch', false, true),
  Talk: method('Talk', true, true),
};

export class GrpcCalls {
  /** Those of deadlines, which fire when told. */
  readonly timers: { ms: number; fire: () => void; isOff: boolean }[] = [];
  /** What was told to us as our fault. */
  readonly failed: unknown[] = [];
  readonly room = { bytes: 0 };
  readonly share = new FairTurns().share();
  /** All that were handed to their handler. */
  readonly calls: Call[] = [];
  handle: (call: Call, respond: Respond) => void = () => undefined;

  serve(settings?: Buffer): Http2Server {
    const table = new ServiceTable();
    const taken = (call: unknown, respond: unknown): void => {
      this.calls.push(call as Call);
      this.handle(call as Call, respond as Respond);
    };
    table.addService(DEFINITION, { Unary: taken, Watch: taken, Talk: taken });
    const delays = {
      after: (ms: number, fire: () => void) => {
        const timer = { ms, fire, isOff: false };
        this.timers.push(timer);
        return () => {
          timer.isOff = true;
        };
      },
    };
    const { room, share } = this;
    const context = { peer: 'peer', room, share, delays, failed: (error: unknown) => void this.failed.push(error) };
    return Http2Server.begun((stream, head) => acceptCall(table, context, stream, head), settings);
  }
}

/** Begins a call on the first stream. */
export const begin = (server: Http2Server, name: string, more: readonly Buffer[] = []): void =>
  server.say(frame(HEADERS, END_HEADERS, 1, Buffer.concat([...grpcHeaders(`/test/${name}`), ...more])));

export const statusOf = (server: Http2Server): string | undefined => server.said(1).headers.at(-1)?.['grpc-status'];
