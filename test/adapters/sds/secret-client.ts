import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ClientDuplexStream,
  credentials,
  type Client,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
  type ServiceError,
} from '@grpc/grpc-js';
import {
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  type DiscoveryRequest,
  type DiscoveryResponse,
  sdsDefinition,
} from '../../../src/adapters/sds/messages.ts';
import type { SecretService, SecretServiceContext } from '../../../src/adapters/sds/secret-service.ts';
import type { WorkloadSession, WorkloadState } from '../../../src/agent/workload-session.ts';

/** A caller of whom the test says what it has. */
export class StandInSession implements WorkloadSession {
  #state: WorkloadState | undefined;
  #refusal: Error | undefined;
  readonly #watchers = new Set<() => void>();

  constructor(state?: WorkloadState) {
    this.#state = state;
  }

  get watchers(): number {
    return this.#watchers.size;
  }

  have(state: WorkloadState): void {
    this.#state = state;
    for (const tell of this.#watchers) tell();
  }

  refuse(refusal: Error): void {
    this.#refusal = refusal;
    for (const tell of this.#watchers) tell();
  }

  watch(next: (state: WorkloadState) => void, signal: AbortSignal): Promise<never> {
    return new Promise((_, reject) => {
      const tell = (): void => {
        if (this.#refusal !== undefined) leave(this.#refusal);
        else if (this.#state !== undefined) next(this.#state);
      };
      const leave = (reason: Error): void => {
        this.#watchers.delete(tell);
        reject(reason);
      };
      this.#watchers.add(tell);
      signal.addEventListener('abort', () => leave(new Error('the caller left')));
      tell();
    });
  }

  state(): Promise<WorkloadState> {
    if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
    return this.#state === undefined ? Promise.reject(new Error('no state')) : Promise.resolve(this.#state);
  }

  jwtSvids(): Promise<never> {
    return Promise.reject(new Error('not asked for'));
  }

  validateJwt(): Promise<never> {
    return Promise.reject(new Error('not asked for'));
  }

  close(): void {
    this.#watchers.clear();
  }
}

/** What came on a stream, one at a time, and how it ended. */
export class Received<Response> {
  readonly #responses: Response[] = [];
  #wake: () => void = () => undefined;
  #ending: string | undefined;

  take(response: Response): void {
    this.#responses.push(response);
    this.#wake();
  }

  end({ code, details }: Pick<ServiceError, 'code' | 'details'>): void {
    this.#ending ??= `${code} ${details}`;
    this.#wake();
  }

  get waiting(): number {
    return this.#responses.length;
  }

  async next(): Promise<Response> {
    for (;;) {
      const response = this.#responses.shift();
      if (response !== undefined) return response;
      if (this.#ending !== undefined) throw new Error(this.#ending);
      await this.#news();
    }
  }

  /** `<code> <details>` of the status. */
  async ending(): Promise<string> {
    while (this.#ending === undefined) await this.#news();
    return this.#ending;
  }

  #news(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }
}

export interface SecretsWire {
  readonly client: Client;
  stream(): Opened<DiscoveryRequest, DiscoveryResponse>;
  delta(): Opened<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;
  fetch(request: Partial<DiscoveryRequest>): Promise<DiscoveryResponse>;
  /** Says that the agent closes, to every call that asked to hear of it. */
  closing(): void;
  /** How many calls still want to hear of it. */
  open(): number;
  stop(): void;
}

export interface Opened<Request, Response> {
  readonly call: ClientDuplexStream<Partial<Request>, Response>;
  readonly received: Received<Response>;
  readonly send: (request: Partial<Request>) => void;
}

const opened = <Request, Response>(call: ClientDuplexStream<Partial<Request>, Response>): Opened<Request, Response> => {
  const received = new Received<Response>();
  call.on('data', (response: Response) => received.take(response));
  call.on('error', () => undefined);
  call.on('status', (status) => received.end(status));
  return { call, received, send: (request) => void call.write(request) };
};

/** Serves `service` on a Unix socket with one caller, and is its client. */
export const serveSecrets = async (
  service: SecretService,
  sessionOf: SecretServiceContext['sessionOf'],
): Promise<SecretsWire> => {
  const folder = mkdtempSync(join(tmpdir(), 'mayfly-sds-'));
  const target = `unix:${join(folder, 'agent.sock')}`;
  const server = new Server();
  const ends = new Set<() => void>();
  const whenClosing = (end: () => void): (() => void) => {
    ends.add(end);
    return () => ends.delete(end);
  };
  server.addService(service.definition, service.implement({ sessionOf, whenClosing }));
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(target, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve()));
  });
  const SecretClient = makeGenericClientConstructor(sdsDefinition, 'secrets');
  const client = new SecretClient(target, credentials.createInsecure());
  const method = (name: string): ((...args: readonly unknown[]) => unknown) => {
    const found = client[name] as ((...args: readonly unknown[]) => unknown) | undefined;
    if (found === undefined) throw new Error(`there is no method ${name}`);
    return found.bind(client);
  };
  return {
    client,
    stream: () => opened(method('StreamSecrets')() as ClientDuplexStream<Partial<DiscoveryRequest>, DiscoveryResponse>),
    delta: () =>
      opened(method('DeltaSecrets')() as ClientDuplexStream<Partial<DeltaDiscoveryRequest>, DeltaDiscoveryResponse>),
    fetch: (request) =>
      new Promise((resolve, reject) => {
        method('FetchSecrets')(request, (error: ServiceError | null, response: DiscoveryResponse) =>
          error === null ? resolve(response) : reject(new Error(`${error.code} ${error.details}`)),
        );
      }),
    closing: () => {
      for (const end of ends) end();
    },
    open: () => ends.size,
    stop: () => {
      client.close();
      server.forceShutdown();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};
