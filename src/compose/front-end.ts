import { hostname } from 'node:os';
import { Admission, DEFAULT_ADMISSION } from '../adapters/http/admission.ts';
import { type AppServices, buildApp } from '../adapters/http/app.ts';
import { callerChecks } from '../adapters/http/callers.ts';
import { RateLimits } from '../adapters/http/limits.ts';
import { Metrics } from '../adapters/http/metrics.ts';
import { networkPeers } from '../adapters/http/peer.ts';
import { RequestCost } from '../adapters/http/request-cost.ts';
import type { Route } from '../adapters/http/route.ts';
import { withOpenApi } from '../adapters/http/routes/openapi.ts';
import { createHttpServer, type HttpServer } from '../adapters/http/server.ts';
import { AgentFeed } from '../adapters/http/sync/agent-feed.ts';
import { AgentReports } from '../adapters/http/sync/agent-reports.ts';
import { standAside } from '../adapters/http/stand-aside.ts';
import type { TlsIdentity } from '../adapters/http/tls.ts';
import { TokenBuckets } from '../adapters/http/token-buckets.ts';
import { WorkLimit } from '../adapters/http/work-limit.ts';
import { headAuthenticator } from '../adapters/keys/head-mac.ts';
import type { FrontEndLedger } from '../adapters/sqlite/open-ledger.ts';
import { eventLoopBusyMs } from '../adapters/system/event-loop.ts';
import type { RecordId } from '../domain/record-id.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { Logger } from '../ports/logger.ts';
import type { Delays } from '../ports/timers.ts';
import { CallerMemory } from '../usecases/authenticate-caller.ts';
import { forgetPurged } from '../usecases/forget-purged.ts';
import type { Issuer } from '../usecases/issuer.ts';
import { flushDenials } from '../usecases/record-denial.ts';
import { type AgentExchange, ownExchange } from './agent-exchange.ts';
import { authorityKeeper } from './authorities.ts';
import type { Config } from './config.ts';
import type { ConnectionLimits } from './connection-limit.ts';
import { type BuiltIssuer, buildIssuer, withPublicUrl } from './issuer.ts';
import { LateApp } from './late-app.ts';
import { observedLedger } from './observed-ledger.ts';
import { Health } from './readiness.ts';
import { frontEndRoutes } from './routes.ts';
import { ServerIdentity } from './server-identity.ts';
import type { Wrappers } from './testing.ts';
import { unlessReadOnly } from './unless-read-only.ts';
import { packageVersion } from './version.ts';

/** What all front ends of a process have in common; it can be sent to another thread. */
export interface FrontEndShare {
  readonly config: Config;
  /** `mayfly dev`: the public listener's own address serves as public URL. */
  readonly dev: boolean;
  readonly sealKey: Uint8Array;
  readonly challengeKey: Uint8Array;
  readonly limitMemory: SharedArrayBuffer;
  readonly limitSalt: Uint8Array;
  /** Several front ends listen on the same port (DEC-1). */
  readonly reusePort: boolean;
  readonly connections: ConnectionLimits;
}

/** What differs from thread to thread. */
export interface FrontEndParts {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly delays: Delays;
  readonly logger: Logger;
  readonly opened: FrontEndLedger;
  /** Absent: there is no other front end. */
  readonly agents?: AgentExchange;
  /** For tests of crashes. */
  readonly wrap?: Wrappers;
}

export interface Addresses {
  readonly api: string;
  readonly public: string;
}

/** Ports to listen on; 0 for any that is free. */
export interface Ports {
  readonly api: number;
  readonly public: number;
}

export interface ServerIdentities {
  readonly own: TlsIdentity;
  /** A web PKI certificate for `public`; without it `public` shows `own`. */
  readonly forPublic?: TlsIdentity;
}

/** A new SVID of the server's own is made and shown within this time, or not soon. */
const LONGEST_MOVE_MS = 1000;

/** Of the connections that a front end holds, how many may be feeds of agents: others always find room. */
const FEED_SHARE = 0.9;

const messageOf = (error: unknown): string => (Error.isError(error) ? error.message : 'unknown');

const authorityOf = (address: string, port: number): string => {
  // A wildcard is no address to go to.
  const host = address === '0.0.0.0' || address === '::' ? hostname() : address;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
};

const portOf = (url: string): number => Number(new URL(url).port);

/** A whole HTTPS server in one thread (DEC-1): its own TLS, checks, signing and read-back. */
export class FrontEnd {
  readonly built: BuiltIssuer;
  readonly health: Health;
  readonly metrics = new Metrics();
  readonly services: AppServices;
  readonly feed: AgentFeed;
  readonly #share: FrontEndShare;
  readonly #parts: FrontEndParts;
  readonly #agents: AgentExchange;
  readonly #servers: HttpServer[] = [];
  #identities: readonly ServerIdentity[] = [];

  constructor(share: FrontEndShare, parts: FrontEndParts) {
    const { clock, logger } = parts;
    const { limits } = share.config.server;
    this.#share = share;
    this.#parts = parts;
    this.#agents = parts.agents ?? ownExchange();
    this.health = new Health(clock);
    this.built = buildIssuer({
      ...parts,
      config: share.config,
      dev: share.dev,
      sealKey: share.sealKey,
      observe: (ledger) => observedLedger(ledger, this.metrics, clock),
      ...(parts.wrap?.keyStore && { wrapKeyStore: parts.wrap.keyStore }),
    });
    this.services = {
      clock,
      logger,
      limits: new RateLimits(new TokenBuckets(share.limitMemory, share.limitSalt), clock, {
        perSource: { attest: limits.attestPerSource },
        workload: limits.signPerWorkload,
        agent: limits.signPerAgent,
      }),
      admission: new Admission(DEFAULT_ADMISSION, new RequestCost(eventLoopBusyMs)),
      work: new WorkLimit({ now: () => clock.monotonic(), busy: eventLoopBusyMs }),
      metrics: this.metrics,
      callers: callerChecks(this.built.issuer, new CallerMemory((id) => this.#supersede(id))),
    };
    this.feed = new AgentFeed({
      issuer: this.built.issuer,
      delays: parts.delays,
      logger,
      onChanges: (listener) => parts.opened.onChanges(listener),
      listener: new AgentReports({
        issuer: this.built.issuer,
        logger,
        metrics: this.metrics,
        report: (sightings) => this.#agents.report(sightings),
      }),
      moved: (tainted) => this.#moved(tainted),
      most: Math.ceil(share.connections.api * FEED_SHARE),
    });
  }

  /** Listens on `api` and `public`. The routes are built once the addresses are known, since tokens name them. */
  async listen({ own, forPublic }: ServerIdentities, ports: Ports): Promise<Addresses> {
    const { config } = this.#share;
    const identities = { api: new ServerIdentity(own), public: new ServerIdentity(forPublic ?? own) };
    this.#identities = forPublic ? [identities.api] : [identities.api, identities.public];
    const apps = { api: new LateApp(), public: new LateApp() };
    const open = async (listener: 'api' | 'public'): Promise<string> => {
      const { address } = config.server[listener];
      const server = this.#server(listener, apps[listener], identities[listener]);
      const port = await server.listen({
        host: address,
        port: ports[listener],
        ...(this.#share.reusePort && { reusePort: true }),
      });
      return `https://${authorityOf(address, port)}`;
    };
    const addresses = { api: await open('api'), public: await open('public') };
    const { route: wrapRoute, app: wrapApp } = this.#parts.wrap ?? {};
    const table = this.routes(addresses);
    const routes = withOpenApi(wrapRoute ? table.map(wrapRoute) : table, { version: packageVersion() });
    for (const listener of ['api', 'public'] as const) {
      const app = buildApp(routes, listener, this.services, networkPeers());
      apps[listener].ready(wrapApp ? wrapApp(app) : app);
    }
    return addresses;
  }

  /** The issuer as it serves under these addresses (DEC-29). */
  issuerAt(addresses: Addresses): Issuer {
    const { config, dev } = this.#share;
    const publicUrl = config.server.public.url ?? (dev ? addresses.public : undefined);
    return withPublicUrl(this.built.issuer, config, { publicUrl, dev });
  }

  /** Everything that a front end serves, but the document of it. */
  routes(addresses: Addresses): readonly Route[] {
    const { config, challengeKey, sealKey } = this.#share;
    const { ledger: writes, views } = this.#parts.opened;
    return frontEndRoutes({
      config,
      issuer: this.issuerAt(addresses),
      keeper: authorityKeeper(config, this.built),
      fleet: { log: views.log, writes, heads: headAuthenticator(sealKey, config.trustDomain) },
      challengeKey,
      limits: this.services.limits,
      feed: this.feed,
      presence: this.#agents.reader,
      readiness: () => this.health.readiness(),
      apiUrl: config.server.api.url ?? addresses.api,
    });
  }

  /** The successor of a credential was presented, here or at another front end. */
  superseded(id: RecordId): void {
    this.feed.superseded(id);
  }

  replaceIdentity(own: TlsIdentity): void {
    for (const identity of this.#identities) identity.replace(own);
  }

  /** Records the denials that were only counted so far (DEC-5). */
  flushDenials(): Promise<void> {
    return flushDenials(this.built.issuer);
  }

  /** Retention ran. When this fails, the next run makes good for it. */
  async forgetPurged(): Promise<void> {
    try {
      await forgetPurged(this.built.issuer, standAside);
    } catch (error) {
      this.#parts.logger.error('what retention deleted is not forgotten yet', { error: messageOf(error) });
    }
  }

  /** Stops accepting, answers what was accepted, records what was counted (DEC-37). The ledger stays open. */
  async stopServing(): Promise<void> {
    await Promise.all([this.feed.close(), ...this.#servers.map((server) => server.close())]);
    await unlessReadOnly(this.flushDenials());
  }

  /** Lets go of the ledger. */
  letGo(): void {
    this.#parts.opened.close();
  }

  /** A successor that cannot be had now, where a root's key is away, does not keep agents from hearing what is. */
  async #moved(tainted: readonly string[]): Promise<void> {
    const { delays } = this.#parts;
    await Promise.all(this.#identities.map((identity) => identity.leaves(tainted, delays, LONGEST_MOVE_MS)));
  }

  #supersede(id: RecordId): void {
    this.superseded(id);
    this.#agents.superseded(id);
  }

  #server(listener: 'api' | 'public', app: LateApp, identity: ServerIdentity): HttpServer {
    const server = createHttpServer({
      app: app.listener,
      direct: { app: app.direct, clock: this.#parts.clock },
      delays: this.#parts.delays,
      tls: { identity, clientCertificates: listener === 'api' },
      limits: { maxConnections: this.#share.connections[listener] },
      onConnections: (open) => this.metrics.connections(listener, open),
      upgrades: listener === 'api',
    });
    this.#servers.push(server);
    return server;
  }
}

/** Further front ends listen where the first one found a port. */
export const portsOf = (addresses: Addresses): Ports => ({
  api: portOf(addresses.api),
  public: portOf(addresses.public),
});
