import { aggregateMetrics } from '../adapters/http/metrics.ts';
import type { TlsIdentity } from '../adapters/http/tls.ts';
import type { RecordId } from '../domain/record-id.ts';
import { PresenceBoard } from '../usecases/agent-presence.ts';
import { countStopped } from '../usecases/purge-agents.ts';
import { type AgentExchange, ownExchange, readerOf } from './agent-exchange.ts';
import type { LedgerLine } from '../adapters/sqlite/open-ledger.ts';
import { standAside } from '../adapters/http/stand-aside.ts';
import {
  type Addresses,
  type FrontEnd,
  type FrontEndShare,
  portsOf,
  type Ports,
  type ServerIdentities,
} from './front-end.ts';
import { FrontEndThread, type ThreadHub } from './front-end-thread.ts';
import type { HealthReport } from './readiness.ts';

/** All front ends of the process: the first in the main thread, each further one in a thread of its own (DEC-1). */
export class FrontEnds {
  readonly first: FrontEnd;
  readonly #threads: FrontEndThread[] = [];

  /** Who of the agents is connected, at whichever of them. */
  readonly board = new PresenceBoard();

  constructor(openFirst: (agents: AgentExchange) => FrontEnd) {
    this.first = openFirst(ownExchange(this.board, (credential) => this.#tellThreads(credential)));
  }

  /** Listens with the first, then with the others on the ports that it found. */
  async listen(
    share: FrontEndShare,
    identities: ServerIdentities,
    count: number,
    ledgerLine: () => LedgerLine,
    onFatal: (error: Error) => void,
  ): Promise<Addresses> {
    const { api, public: forPublic } = share.config.server;
    const wanted: Ports = { api: api.port, public: forPublic.port };
    const addresses = await this.first.listen(identities, wanted);
    const ports = portsOf(addresses);
    for (let started = 1; started < count; started += 1) {
      const start = { share, ledgerLine: ledgerLine(), identities, ports };
      const thread = await FrontEndThread.start(start, this.#hubOf(started), onFatal);
      this.#threads.push(thread);
    }
    return addresses;
  }

  replaceIdentity(own: TlsIdentity): void {
    this.first.replaceIdentity(own);
    for (const thread of this.#threads) thread.replaceIdentity(own);
  }

  tell(report: HealthReport): void {
    this.first.health.tell(report);
    for (const thread of this.#threads) thread.tell(report);
  }

  async flushDenials(): Promise<void> {
    for (const thread of this.#threads) thread.flushDenials();
    await this.first.flushDenials();
  }

  /** Retention ran: each forgets what is gone. */
  async purged(): Promise<void> {
    for (const thread of this.#threads) thread.purged();
    await this.first.forgetPurged();
  }

  /** Looks at every agent on record, a few at a time. */
  async countStoppedAgents(): Promise<void> {
    const { built, metrics } = this.first;
    metrics.agentState('stopped_renewing', await countStopped(built.issuer, readerOf(this.board), standAside));
  }

  /** The numbers of all of them, in Prometheus' text form. */
  async metrics(): Promise<string> {
    const { connected, lagging } = this.board.count();
    this.first.metrics.agentState('connected', connected);
    this.first.metrics.agentState('lagging', lagging);
    const parts = [this.first.metrics.serialise(), ...this.#threads.map((thread) => thread.metrics())];
    return aggregateMetrics(await Promise.all(parts));
  }

  /** Stops accepting everywhere at once, finishes what was accepted (DEC-37). */
  async close(): Promise<void> {
    await Promise.all([this.first.stopServing(), ...this.#threads.map((thread) => thread.close())]);
  }

  /** The successor of a credential was presented somewhere: nobody goes on with it. */
  #tellThreads(credential: RecordId): void {
    for (const thread of this.#threads) thread.superseded(credential);
  }

  #hubOf(frontEnd: number): ThreadHub {
    return {
      report: (sightings) => this.board.report(frontEnd, sightings),
      superseded: (credential) => {
        this.first.superseded(credential);
        this.#tellThreads(credential);
      },
      presence: (agents) => (agents ? this.board.of(agents) : this.board.connected()),
    };
  }
}
