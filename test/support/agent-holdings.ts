import { Holdings, type HoldingsParts } from '../../src/agent/holdings.ts';
import type { SpiffeId } from '../../src/domain/spiffe-id.ts';
import type { AgentMessage } from '../../src/formats/sync-message.ts';
import type { WorkloadSession, WorkloadState } from '../../src/agent/workload-session.ts';
import type { WorkloadProcess } from '../../src/ports/workload-attestor.ts';
import { startAgentWorld, type AgentWorld } from './agent-world.ts';
import { manualTime, type ManualTime } from './manual-time.ts';
import { silentLogger } from './silent-logger.ts';

/** What stands for a local process: who it is said to be, and whether it still is. */
export interface TestProcess {
  selectors: readonly string[];
  /** Types of attestors that cannot tell. */
  untold: readonly string[];
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
  /** Who the agent is: nobody yet, if null. */
  identity: SpiffeId | null = world.agent,
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
      return { selectors: process.selectors, untold: process.untold };
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
      void holdings.commit(cursor);
    },
    open: (...selectors) => {
      const process = { selectors, untold: [], isSame: true, isClosed: false, attested: 0, failure: undefined };
      const descriptor = processes.push(process) - 1;
      return { session: holdings.sessions.open(descriptor), process };
    },
  };
  holdings.lives({ x509Ttl: 3600, jwtTtl: 300 });
  if (identity !== null) holdings.agentIs(identity);
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

export const turns = async (count = 30): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((go) => setImmediate(go));
};

/** Lets what was put off for others to work go on. */
export const settle = async (time: ManualTime): Promise<void> => {
  for (let round = 0; round < 5; round += 1) {
    time.pass(0);
    await turns(3);
  }
};

let names = 0;
/** An entry id that no other test uses. */
export const freshId = (): string => `e${(names += 1)}`;

/** One server for all tests of a file, and before each of them an agent that knows nothing yet; no entries are left behind. */
export const agentForEachTest = (give: (world: AgentWorld, time: ManualTime, agent: TestHoldings) => void): void => {
  let world: AgentWorld;
  let agent: TestHoldings;
  beforeAll(async () => {
    world = await startAgentWorld();
  });
  beforeEach(() => {
    // The timers of the test before are gone.
    const time = manualTime(world.it.ledger.clock);
    agent = startHoldings(world, time);
    give(world, time, agent);
  });
  afterEach(async () => {
    await agent.holdings.stop();
    world.outage = undefined;
    world.calls.x509.length = 0;
    world.calls.jwt.length = 0;
    for (const { id } of world.it.ledger.views.entries.under(world.agent)) await world.remove(id);
  });
  afterAll(() => world.close());
};
