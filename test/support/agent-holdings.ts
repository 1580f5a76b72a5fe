import { Holdings, type HoldingsParts } from '../../src/agent/holdings.ts';
import type { AgentMessage } from '../../src/formats/sync-message.ts';
import type { WorkloadSession, WorkloadState } from '../../src/agent/workload-session.ts';
import type { WorkloadProcess } from '../../src/ports/workload-attestor.ts';
import type { AgentWorld } from './agent-world.ts';
import type { ManualTime } from './manual-time.ts';
import { silentLogger } from './silent-logger.ts';

/** What stands for a local process: who it is said to be, and whether it still is. */
export interface TestProcess {
  selectors: readonly string[];
  isSame: boolean;
  isClosed: boolean;
  /** Asked for how often. */
  attested: number;
  /** In place of an answer. */
  failure: Error | undefined;
}

export interface TestHoldings {
  readonly holdings: Holdings;
  readonly said: AgentMessage[];
  /** Whether the server hears. */
  isConnected: boolean;
  /** Tells all that the server would tell now. */
  sync(): void;
  /** A connection of a process with these selectors. */
  open(...selectors: string[]): { readonly session: WorkloadSession; readonly process: TestProcess };
}

export const startHoldings = (
  world: AgentWorld,
  time: ManualTime,
  options: Partial<HoldingsParts> = {},
): TestHoldings => {
  const processes: TestProcess[] = [];
  const said: AgentMessage[] = [];
  const holdings = new Holdings({
    server: world.server,
    say: (message) => {
      if (it.isConnected) said.push(message);
      return it.isConnected;
    },
    hold: (descriptor) => {
      const process = processes[descriptor];
      if (!process) throw new Error('no such socket');
      const held: WorkloadProcess = {
        pid: descriptor,
        uid: 0,
        gid: 0,
        groups: [],
        isSame: () => process.isSame && !process.isClosed,
        close: () => {
          process.isClosed = true;
        },
      };
      return held;
    },
    attest: async ({ pid }) => {
      const process = processes[pid];
      if (!process) throw new Error('no such process');
      process.attested += 1;
      if (process.failure) throw process.failure;
      return process.selectors;
    },
    clock: time.clock,
    delays: time.delays,
    entropy: world.it.ledger.entropy,
    logger: silentLogger,
    ...options,
  });
  const it: TestHoldings = {
    holdings,
    said,
    isConnected: true,
    sync: () => {
      const { parts, cursor } = world.state();
      holdings.begin(true);
      for (const part of parts) {
        if (part.type === 'entries') holdings.entries(part);
        else if (part.type === 'revocations') holdings.revocations(part);
        else holdings.bundle(part);
      }
      holdings.commit(cursor);
    },
    open: (...selectors) => {
      const process = { selectors, isSame: true, isClosed: false, attested: 0, failure: undefined };
      const descriptor = processes.push(process) - 1;
      return { session: holdings.sessions.open(descriptor), process };
    },
  };
  holdings.lives({ x509Ttl: 3600, jwtTtl: 300 });
  holdings.agentIs(world.agent);
  return it;
};

/** A stream, and all that came on it. */
export const stream = (session: WorkloadSession) => {
  const states: WorkloadState[] = [];
  const abort = new AbortController();
  let ended: unknown;
  void session
    .watch((state) => states.push(state), abort.signal)
    .catch((error: unknown) => {
      ended = error;
    });
  return { states, abort, ended: () => ended as { readonly code?: string; readonly decisionId?: string } | undefined };
};

/** The SPIFFE IDs of a state, without the trust domain. */
export const pathsOf = (state: WorkloadState | undefined): readonly string[] =>
  state?.svids.map(({ spiffeId }) => spiffeId.replace('spiffe://example.org/', '')) ?? [];
