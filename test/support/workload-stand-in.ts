import type { ServiceClientConstructor } from '@grpc/grpc-js';
import { credentials, loadPackageDefinition, Metadata, type ServiceError } from '@grpc/grpc-js';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createWorkloadApi,
  type WorkloadApi,
  type WorkloadApiOptions,
} from '../../src/adapters/workload-api/workload-api.ts';
import { workloadPackage } from '../../src/adapters/workload-api/workload-definition.ts';
import { systemTimers } from '../../src/adapters/system/timers.ts';
import type {
  TrustBundle,
  WorkloadSession,
  WorkloadSessions,
  WorkloadState,
} from '../../src/agent/workload-session.ts';
import { parseTrustDomain } from '../../src/domain/trust-domain.ts';
import type { Logger } from '../../src/ports/logger.ts';
import { issueLeaf, leafPlan, newCa, newKey, NOW, TRUST_DOMAIN, type TestCa } from './x509.ts';

/** Keeps lines, so that a test can ask whether there were any. */
export const keptLines = (): { readonly lines: string[]; readonly logger: Logger } => {
  const lines: string[] = [];
  const keep =
    (level: string) =>
    (message: string): void =>
      void lines.push(`${level} ${message}`);
  const logger: Logger = {
    debug: keep('debug'),
    info: keep('info'),
    warn: keep('warn'),
    error: keep('error'),
    with: () => logger,
  };
  return { lines, logger };
};

export const KEY_SET = '{"keys":[{"kty":"EC","kid":"a","crv":"P-256","x":"eA","y":"eQ"}]}';

export const bundleOf = (name: string, authorities: readonly TestCa[], jwtKeySet = KEY_SET): TrustBundle => ({
  trustDomain: parseTrustDomain(name),
  x509Authorities: authorities.map(({ certificate }) => certificate.der),
  jwtKeySet,
});

/** What a workload with one real SVID has. */
export const newState = async (ca?: TestCa): Promise<WorkloadState> => {
  const root = ca ?? (await newCa());
  const key = newKey();
  const plan = leafPlan(root, key);
  return {
    svids: [
      {
        spiffeId: plan.spiffeId,
        chain: [await issueLeaf(root, plan)],
        key: key.privateKey.export({ type: 'pkcs8', format: 'der' }),
        notAfter: NOW + 3600,
      },
    ],
    bundle: bundleOf(TRUST_DOMAIN, [root]),
    federated: [],
  };
};

interface Watcher {
  readonly next: (state: WorkloadState) => void;
  readonly fail: (error: unknown) => void;
}

/** Sessions of callers who all have the same, which a test changes; every method may be replaced. */
export class SessionsStandIn implements WorkloadSessions {
  state: WorkloadState;
  opened = 0;
  closed = 0;
  watches = 0;
  readonly watchers = new Set<Watcher>();
  /** What sessions do otherwise than told here. */
  overrides: Partial<WorkloadSession> = {};

  constructor(state: WorkloadState) {
    this.state = state;
  }

  open(): WorkloadSession {
    this.opened += 1;
    return {
      watch: (next, signal) => this.#watch(next, signal),
      state: async () => this.state,
      jwtSvids: async ([audience = ''], spiffeId) => [
        { spiffeId: this.#firstId(), token: `token.for.${audience}.${spiffeId ?? 'all'}` },
      ],
      validateJwt: async (audience) => ({
        spiffeId: this.#firstId(),
        claims: { sub: this.#firstId(), aud: [audience], exp: 1_794_767_400, nested: { list: [true, null, 'x', 1.5] } },
      }),
      close: () => {
        this.closed += 1;
      },
      ...this.overrides,
    };
  }

  /** Tells all watchers of a new state. */
  change(state: WorkloadState): void {
    this.state = state;
    for (const { next } of this.watchers) next(state);
  }

  fail(error: unknown): void {
    for (const { fail } of this.watchers) fail(error);
  }

  #watch(next: Watcher['next'], signal: AbortSignal): Promise<never> {
    this.watches += 1;
    const { promise, reject } = Promise.withResolvers<never>();
    const watcher: Watcher = { next, fail: reject };
    this.watchers.add(watcher);
    signal.addEventListener('abort', () => {
      this.watchers.delete(watcher);
      reject(signal.reason);
    });
    next(this.state);
    return promise;
  }

  #firstId() {
    const [first] = this.state.svids;
    if (first === undefined) throw new Error('a state has an SVID');
    return first.spiffeId;
  }
}

export interface WorkloadWorld {
  readonly path: string;
  readonly api: WorkloadApi;
  readonly sessions: SessionsStandIn;
  readonly lines: string[];
  stop(): Promise<void>;
}

/** A Workload API on a socket in a folder of its own. */
export const startWorkloadApi = async (options: Partial<WorkloadApiOptions> = {}): Promise<WorkloadWorld> => {
  const folder = await mkdtemp(join(tmpdir(), 'mayfly-'));
  const path = join(folder, 'agent.sock');
  const sessions = new SessionsStandIn(await newState());
  const { lines, logger } = keptLines();
  const api = createWorkloadApi({
    sessions,
    peerUid: () => 1000,
    delays: systemTimers,
    logger,
    ...options,
  });
  await api.listen(path);
  return {
    path,
    api,
    sessions,
    lines,
    async stop() {
      await api.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
};

const Client = loadPackageDefinition(workloadPackage)['SpiffeWorkloadAPI'] as ServiceClientConstructor;
export type WorkloadClient = InstanceType<ServiceClientConstructor>;

export const connectWorkload = (path: string, options: object = {}): WorkloadClient =>
  new Client(`unix:${path}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    ...options,
  });

/** The security header, and what else is given. */
export const secured = (more: Readonly<Record<string, string>> = {}): Metadata => {
  const metadata = new Metadata();
  metadata.set('workload.spiffe.io', 'true');
  for (const [name, value] of Object.entries(more)) metadata.add(name, value);
  return metadata;
};

export interface ReadStream {
  /** The next message; rejects with the status when there is none. */
  next(): Promise<Record<string, unknown>>;
  /** The status that it ended with. */
  ended(): Promise<ServiceError>;
  cancel(): void;
}

/** Opens a stream of a client and reads it message by message. */
export const openStream = (
  client: WorkloadClient,
  method: string,
  metadata: Metadata = secured(),
  options: object = {},
): ReadStream => {
  const call = (client as unknown as Record<string, (...all: readonly unknown[]) => NodeJS.ReadableStream>)[method]?.(
    {},
    metadata,
    options,
  );
  if (call === undefined) throw new Error(`no method ${method}`);
  const { promise, resolve } = Promise.withResolvers<ServiceError>();
  const messages: Record<string, unknown>[] = [];
  const waiting: ((message: Record<string, unknown>) => void)[] = [];
  call.on('data', (message: Record<string, unknown>) => {
    const taker = waiting.shift();
    if (taker === undefined) messages.push(message);
    else taker(message);
  });
  call.on('error', () => undefined);
  call.on('status', resolve);
  return {
    async next() {
      const message = messages.shift();
      if (message !== undefined) return message;
      const taken = Promise.withResolvers<Record<string, unknown>>();
      waiting.push(taken.resolve);
      const failed = promise.then((status) => {
        throw Object.assign(new Error(status.details), { code: status.code, details: status.details });
      });
      return Promise.race([taken.promise, failed]);
    },
    ended: () => promise,
    cancel: () => (call as unknown as { cancel(): void }).cancel(),
  };
};

/** Calls a unary method; rejects with the status. */
export const callOnce = (
  client: WorkloadClient,
  method: string,
  request: object,
  metadata: Metadata = secured(),
): Promise<Record<string, unknown>> => {
  const { promise, resolve, reject } = Promise.withResolvers<Record<string, unknown>>();
  const calls = client as unknown as Record<string, (...all: readonly unknown[]) => void>;
  calls[method]?.(request, metadata, (error: ServiceError | null, answer: Record<string, unknown>) => {
    if (error === null) resolve(answer);
    else reject(error);
  });
  return promise;
};
