import { FolderAgentState } from '../../src/adapters/agent-state/agent-state.ts';
import { StateFolder } from '../../src/adapters/agent-state/folder.ts';
import { joinTokenEvidence } from '../../src/adapters/evidence/join-token.ts';
import { HttpAgentServer } from '../../src/adapters/http-client/agent-server.ts';
import { systemTimers } from '../../src/adapters/system/timers.ts';
import type { AgentStatus } from '../../src/agent/agent-identity.ts';
import { IdentityKeeper } from '../../src/agent/keep-identity.ts';
import { bundleAnchor, ServerTrust } from '../../src/agent/server-trust.ts';
import { encodePem } from '../../src/formats/pem.ts';
import type { AgentServer } from '../../src/ports/agent-server.ts';
import type { OwnSvid } from '../../src/ports/agent-state.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { EvidenceSource } from '../../src/ports/evidence.ts';
import type { Timers } from '../../src/ports/timers.ts';
import type { TrustAnchor } from '../../src/ports/trust-anchor.ts';
import { keepingLogger } from './http.ts';
import type { Journey } from './journey.ts';
import { testEntropy } from './ledger.ts';
import { TRUST_DOMAIN } from './x509.ts';

export interface AgentOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly urls: readonly URL[];
  readonly anchor: TrustAnchor;
  readonly evidence?: EvidenceSource;
  /** Stands between the agent and its server. */
  readonly between?: (server: AgentServer) => AgentServer;
}

/** An agent as far as its own identity goes, with what it told. */
export interface TestAgent {
  readonly keeper: IdentityKeeper;
  readonly state: FolderAgentState;
  readonly trust: ServerTrust;
  readonly server: AgentServer;
  readonly log: ReturnType<typeof keepingLogger>;
  /** What the observer heard, in order. */
  readonly heard: string[];
  stop(): void;
}

export const startAgent = (options: AgentOptions): TestAgent => {
  const { path, clock, timers, urls, anchor, evidence, between = (server) => server } = options;
  const folder = new StateFolder(path);
  try {
    const state = new FolderAgentState(folder);
    const trust = new ServerTrust({ trustDomain: TRUST_DOMAIN, state, anchor });
    const real = new HttpAgentServer({
      urls,
      trustDomain: TRUST_DOMAIN,
      trust: () => trust.roots(),
      identity: () => keeper.current(),
      settled: () => keeper.settled(),
      clock,
      delays: systemTimers,
    });
    const server = between(real);
    const log = keepingLogger();
    const parts = { trustDomain: TRUST_DOMAIN, server, state, trust, clock, timers, entropy: testEntropy, logger: log };
    const keeper: IdentityKeeper = new IdentityKeeper({ ...parts, ...(evidence && { evidence }) });
    const heard: string[] = [];
    keeper.watch({
      identity: (svid: OwnSvid | undefined) => heard.push(svid ? 'identity' : 'no identity'),
      status: ({ state: name }: AgentStatus) => heard.push(name),
      revoked: () => void heard.push('void'),
    });
    const stop = (): void => {
      keeper.stop();
      real.close();
      folder.close();
    };
    return { keeper, state, trust, server, log, heard, stop };
  } catch (error) {
    folder.close();
    throw error;
  }
};

/** Trust in what the bundle file of a journey's server says now. */
export const journeyAnchor = (journey: Journey): TrustAnchor =>
  bundleAnchor(
    journey
      .roots()
      .map((der) => encodePem('CERTIFICATE', der))
      .join(''),
    TRUST_DOMAIN,
  );

export const tokenFor = async (journey: Journey, name: string): Promise<EvidenceSource> =>
  joinTokenEvidence({ value: await journey.joinToken({ agent: name }) });
