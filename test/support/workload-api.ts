import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { JwtSvidRequest, ValidateRequest } from '../../src/workload/wire.ts';
import { workloadMethods } from '../../src/workload/wire.ts';

type Stream = ServerWritableStream<object, object>;

const PATIENCE_MS = 10_000;

/** Asks until it is so, within reason. */
export const until = async (what: () => boolean): Promise<void> => {
  const end = Date.now() + PATIENCE_MS;
  while (!what()) {
    if (Date.now() > end) throw new Error(`it never became so: ${String(what)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
};

const refusal = (code: status, details: string) => ({ code, details });

/** One method that streams: its current message, and who listens. */
class Topic {
  readonly streams = new Set<Stream>();
  #message: object | undefined;
  #refusal: ReturnType<typeof refusal> | undefined;
  opened = 0;

  open(stream: Stream): void {
    this.opened += 1;
    if (this.#refusal) {
      stream.emit('error', this.#refusal);
      return;
    }
    this.streams.add(stream);
    stream.once('close', () => this.streams.delete(stream)).once('cancelled', () => this.streams.delete(stream));
    if (this.#message) stream.write(this.#message);
  }

  send(message: object): void {
    this.#refusal = undefined;
    this.#message = message;
    for (const stream of this.streams) stream.write(message);
  }

  /** Ends all streams, and every new one at once. OK ends only those that are open. */
  refuse(code: status, details = 'told so'): void {
    this.#refusal = code === status.OK ? undefined : refusal(code, details);
    for (const stream of this.streams) {
      if (this.#refusal) stream.emit('error', this.#refusal);
      else stream.end();
    }
    this.streams.clear();
  }
}

type Answer<Request> = (request: Request) => object;

/** A Workload API that says what it is told to: what an agent may say, and what none should. */
export class TestWorkloadApi {
  readonly x509 = new Topic();
  readonly x509Bundles = new Topic();
  readonly jwtBundles = new Topic();
  /** Answers, or throws `{ code, details }`. */
  jwtSvid: Answer<JwtSvidRequest> = () => ({ svids: [] });
  validate: Answer<ValidateRequest> = () => ({});
  jwtCalls = 0;
  readonly folder = mkdtempSync(join(tmpdir(), 'wlapi-'));
  readonly path = join(this.folder, 'agent.sock');
  readonly address = `unix://${this.path}`;
  #server: Server | undefined;

  async start(): Promise<this> {
    const server = new Server();
    server.addService(workloadMethods as unknown as ServiceDefinition, this.#implementation());
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${this.path}`, ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      );
    });
    this.#server = server;
    return this;
  }

  /** As an agent that is killed. */
  stop(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
    rmSync(this.path, { force: true });
  }

  close(): void {
    this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #implementation(): UntypedServiceImplementation {
    const hasHeader = (call: { readonly metadata: Stream['metadata'] }): boolean => {
      const [value, ...more] = call.metadata.get('workload.spiffe.io');
      return value === 'true' && more.length === 0;
    };
    const missing = refusal(status.INVALID_ARGUMENT, 'security header missing from request');
    const stream = (topic: Topic) => (call: Stream) => {
      if (hasHeader(call)) topic.open(call);
      else call.emit('error', missing);
    };
    const unary =
      <Request>(answer: Answer<Request>) =>
      (call: ServerUnaryCall<Request, object>, done: sendUnaryData<object>) => {
        if (!hasHeader(call)) {
          done(missing);
          return;
        }
        try {
          done(null, answer(call.request));
        } catch (error) {
          done(error as ReturnType<typeof refusal>);
        }
      };
    return {
      FetchX509SVID: stream(this.x509),
      FetchX509Bundles: stream(this.x509Bundles),
      FetchJWTBundles: stream(this.jwtBundles),
      FetchJWTSVID: unary<JwtSvidRequest>((request) => {
        this.jwtCalls += 1;
        return this.jwtSvid(request);
      }),
      ValidateJWTSVID: unary<ValidateRequest>((request) => this.validate(request)),
    };
  }
}
