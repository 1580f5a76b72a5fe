import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AdminApi, localAdminApi } from '../../src/adapters/http-client/admin.ts';
import { ledgerFile, openForReading } from '../../src/adapters/sqlite/open.ts';
import { sqliteViews } from '../../src/adapters/sqlite/views.ts';
import { systemClock } from '../../src/adapters/system/clock.ts';
import type { Config } from '../../src/compose/config.ts';
import { devConfig } from '../../src/compose/dev-config.ts';
import type { RunningServer } from '../../src/compose/running-server.ts';
import { startServer } from '../../src/compose/server.ts';
import type { Fact, FactKind } from '../../src/domain/fact.ts';
import { writeCsr } from '../../src/formats/csr-writer.ts';
import { encodePem, parsePem } from '../../src/formats/pem.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Timers } from '../../src/ports/timers.ts';
import type { RecordedFact, Views } from '../../src/ports/views.ts';
import { type Answered, keepingLogger } from './http.ts';
import { type Client, type ClientCertificate, type ClientOptions, newClient } from './journey-client.ts';
import { newKey, type TestKey } from './x509.ts';

/** An X.509-SVID as its holder has it. */
export interface Held extends ClientCertificate {
  readonly spiffeId: string;
  readonly serial: string;
  readonly key: TestKey;
  /** DER, leaf first. */
  readonly chain: readonly Buffer[];
  readonly notBefore: number;
  readonly notAfter: number;
  readonly index: number;
}

interface SvidAnswer {
  readonly spiffeId: string;
  readonly serial: string;
  readonly chain: readonly string[];
  readonly notBefore: number;
  readonly notAfter: number;
  readonly ledger: { readonly epoch: number; readonly index: number };
}

/** What an answer with an X.509-SVID gives to whoever has the key. */
export const heldFrom = (answer: unknown, key: TestKey): Held => {
  const { spiffeId, serial, chain, notBefore, notAfter, ledger } = answer as SvidAnswer;
  const ders = chain.map((each) => Buffer.from(each, 'base64'));
  return {
    spiffeId,
    serial,
    key,
    chain: ders,
    cert: ders.map((der) => encodePem('CERTIFICATE', der)).join(''),
    keyPem: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    notBefore,
    notAfter,
    index: ledger.index,
  };
};

/** base64 of a request for this key. */
export const csrOf = (key: TestKey): string => writeCsr(key.privateKey).toString('base64');

export interface JourneyOptions {
  /** Kept when given; else a temporary folder that goes when the journey ends. */
  readonly dataDir?: string;
  readonly clock?: Clock;
  readonly timers?: Timers;
  readonly frontEnds?: number;
  readonly attestors?: Config['attestors'];
  /** Changes the configuration of `mayfly dev`. */
  readonly configure?: (server: Config['server']) => Config['server'];
}

/** No rate stands in the way of a journey that is not about rates. */
const ROOMY = { attestPerSource: 100_000, signPerWorkload: 100_000, signPerAgent: 1_000_000 };

/** What a journey's server is configured with. */
export const journeyConfig = ({ frontEnds = 1, attestors, configure }: JourneyOptions, dataDir: string): Config => {
  const adminSocket = join(dataDir, 'admin.sock');
  const config = devConfig({ trustDomain: 'example.org', dataDir, adminSocket, port: 0, publicPort: 0, frontEnds });
  const server = { ...config.server, limits: { ...config.server.limits, ...ROOMY } };
  return { ...config, server: configure ? configure(server) : server, ...(attestors && { attestors }) };
};

/** Reads a data folder as it is now; a server may be running on it. */
export const readLedger = <T>(dataDir: string, read: (views: Views) => T): T => {
  const db = openForReading(ledgerFile(dataDir));
  try {
    return read(sqliteViews(db));
  } finally {
    db.close();
  }
};

/** All entries of the log from `from` on, with what they open to. */
export const recordedFacts = (dataDir: string, from = 0): readonly RecordedFact[] =>
  readLedger(dataDir, ({ log }) =>
    Array.from({ length: log.head().size - from }, (_, at) => log.at(from + at)).filter((fact) => fact !== undefined),
  );

/** A whole server over real sockets, and the people around it. */
export class Journey {
  readonly server: RunningServer;
  readonly admin: AdminApi;
  readonly log: ReturnType<typeof keepingLogger>;
  readonly dataDir: string;
  readonly #clock: Clock;
  readonly #clients: Client[] = [];
  readonly #keep: boolean;

  private constructor(server: RunningServer, log: Journey['log'], clock: Clock, keep: boolean) {
    this.server = server;
    this.log = log;
    this.dataDir = server.ready.dataDir;
    this.admin = localAdminApi(server.ready.adminSocket);
    this.#clock = clock;
    this.#keep = keep;
  }

  static async start(options: JourneyOptions = {}): Promise<Journey> {
    const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'mayfly-journey-'));
    const logger = keepingLogger();
    const { clock, timers } = options;
    const server = await startServer(journeyConfig(options, dataDir), {
      dev: true,
      logger,
      ...(clock && { clock }),
      ...(timers && { timers }),
    });
    return new Journey(server, logger, clock ?? systemClock, options.dataDir !== undefined);
  }

  /** Around a server in another process. */
  static around(ready: RunningServer['ready']): Journey {
    const server = { ready, fatal: new Promise<never>(() => undefined), stop: () => Promise.resolve() };
    return new Journey(server, keepingLogger(), systemClock, true);
  }

  /** DER of the roots in the bundle file. */
  roots(): readonly Uint8Array[] {
    return parsePem(readFileSync(this.server.ready.bundleFile, 'utf8'), 'CERTIFICATE');
  }

  /** A caller of `api`; with a certificate if one is given. */
  api(certificate?: ClientCertificate, options: Partial<ClientOptions> = {}): Client {
    return this.#client(this.server.ready.api, certificate, options);
  }

  /** A caller of `public`. */
  public(options: Partial<ClientOptions> = {}): Client {
    return this.#client(this.server.ready.public, undefined, options);
  }

  /** Administration over the local socket; what it answers. */
  async administer<T = Record<string, unknown>>(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: object,
  ): Promise<T> {
    const answer = await this.admin.call({ method, path, ...(body && { body }) });
    return answer.body as T;
  }

  async joinToken(purpose: { agent: string | true } | { entry: string }): Promise<string> {
    return (await this.administer<{ token: string }>('POST', '/v1/admin/join-tokens', purpose)).token;
  }

  /** Sends a join token with a CSR; the bare answer. */
  redeem(token: string, key: TestKey): Promise<Answered> {
    const evidence = { token };
    return this.api().postJson('/v1/attest', { type: 'join_token', evidence, csr: csrOf(key) });
  }

  /** Attests with a new join token, to become an agent or the workload of an entry. */
  async attest(purpose: { agent: string | true } | { entry: string }, key = newKey()): Promise<Held> {
    const answer = await this.redeem(await this.joinToken(purpose), key);
    if (answer.status !== 200) throw new Error(`not attested: ${answer.text}`);
    return heldFrom(answer.json(), key);
  }

  /** An entry for agentless workloads unless it names a parent. */
  async entry(id: string, more: object = {}): Promise<void> {
    const entry = { id, spiffeId: `spiffe://example.org/${id}`, selectors: ['test:1'], ...more };
    await this.administer('POST', '/v1/admin/entries', entry);
  }

  async revoke(target: { kind: string; value: string }, more: object = {}): Promise<{ id: string; index: number }> {
    const body = { target, confirm: true, ...more };
    const answer = await this.administer<{ revocation: { id: string; index: number } }>(
      'POST',
      '/v1/admin/revocations',
      body,
    );
    return answer.revocation;
  }

  /** All facts of a kind, in order. */
  facts<K extends FactKind>(kind: K): readonly Extract<Fact, { kind: K }>[] {
    return recordedFacts(this.dataDir).flatMap(({ fact }) =>
      fact?.kind === kind ? [fact as Extract<Fact, { kind: K }>] : [],
    );
  }

  size(): number {
    return readLedger(this.dataDir, ({ log }) => log.head().size);
  }

  /** Ends the server; the folder stays when it was given. */
  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.server.stop();
    if (!this.#keep) rmSync(this.dataDir, { recursive: true, force: true });
  }

  #client(url: string, certificate: ClientCertificate | undefined, options: Partial<ClientOptions>): Client {
    const client = newClient({
      url,
      roots: () => this.roots(),
      now: () => this.#clock.now(),
      ...(certificate && { certificate }),
      ...options,
    });
    this.#clients.push(client);
    return client;
  }
}
