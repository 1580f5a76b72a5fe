import { createPrivateKey, type KeyObject } from 'node:crypto';
import { HttpAgentServer } from '../../../src/adapters/http-client/agent-server.ts';
import { systemClock } from '../../../src/adapters/system/clock.ts';
import { systemEntropy } from '../../../src/adapters/system/entropy.ts';
import { systemTimers } from '../../../src/adapters/system/timers.ts';
import { ServerFollower } from '../../../src/agent/follow-server.ts';
import { Holdings } from '../../../src/agent/holdings.ts';
import { IdentityKeeper } from '../../../src/agent/keep-identity.ts';
import { ServerTrust } from '../../../src/agent/server-trust.ts';
import { Refusal } from '../../../src/domain/refusal.ts';
import { parseSpiffeId } from '../../../src/domain/spiffe-id.ts';
import type { TrustDomain } from '../../../src/domain/trust-domain.ts';
import { parsePem } from '../../../src/formats/pem.ts';
import type { AgentServer } from '../../../src/ports/agent-server.ts';
import type { AgentState, LearnedTrust, OwnSvid } from '../../../src/ports/agent-state.ts';
import type { Logger } from '../../../src/ports/logger.ts';
import type { TrustAnchor } from '../../../src/ports/trust-anchor.ts';
import { readX509Svid } from '../../../src/verify/x509-path.ts';
import type { Counts } from './pulse.ts';

const quiet: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (message, fields) => void process.stderr.write(`${message} ${JSON.stringify(fields)}\n`),
  with: () => quiet,
};

/** In memory: a thousand nodes have a thousand disks, and this machine has one. */
class HeldState implements AgentState {
  #svid: OwnSvid | undefined;
  #pending: KeyObject | undefined;
  #node: KeyObject | undefined;
  #trust: LearnedTrust | undefined;
  #head: string | undefined;

  constructor(svid: OwnSvid) {
    this.#svid = svid;
  }

  svid = (): OwnSvid | undefined => this.#svid;
  pendingKey = (): KeyObject | undefined => this.#pending;
  nodeKey = (): KeyObject | undefined => this.#node;
  trust = (): LearnedTrust | undefined => this.#trust;
  head = (): string | undefined => this.#head;

  saveSvid(svid: OwnSvid): void {
    this.#svid = svid;
    this.#pending = undefined;
  }

  savePendingKey(key: KeyObject): void {
    this.#pending = key;
  }

  saveNodeKey(key: KeyObject): void {
    this.#node = key;
  }

  saveTrust(trust: LearnedTrust): void {
    this.#trust = trust;
  }

  saveHead(head: string): void {
    this.#head = head;
  }

  forgetIdentity(): void {
    this.#svid = undefined;
    this.#pending = undefined;
    this.#node = undefined;
  }
}

/** The same server; what is asked of it is counted. */
const counted = (server: AgentServer, counts: Counts): AgentServer => {
  const call = async <T>(work: () => Promise<T>): Promise<T> => {
    counts.calls += 1;
    try {
      return await work();
    } catch (error) {
      const code = error instanceof Refusal ? error.code : 'internal';
      counts.refused[code] = (counts.refused[code] ?? 0) + 1;
      throw error;
    }
  };
  return {
    attest: (request) => call(() => server.attest(request)),
    challenge: () => call(() => server.challenge()),
    renew: (csr) => call(() => server.renew(csr)),
    x509Svids: (items) => {
      counts.items += items.length;
      return call(() => server.x509Svids(items));
    },
    jwtSvids: (items) => call(() => server.jwtSvids(items)),
    hello: (remembered) => call(() => server.hello(remembered)),
    sync: (after, signal) => call(() => server.sync(after, signal)),
  };
};

export interface HerdAgentParts {
  readonly trustDomain: TrustDomain;
  readonly api: URL;
  readonly anchor: TrustAnchor;
  /** PEM. */
  readonly chain: string;
  readonly key: string;
  readonly counts: Counts;
}

export interface HerdAgent {
  start(): void;
  isSynced(): boolean;
  svids(): number;
  isIdentified(): boolean;
  hasRenewed(): boolean;
}

/** An agent as it is, without its state folder and the socket for its workloads. */
export const herdAgent = ({ trustDomain, api, anchor, chain, key, counts }: HerdAgentParts): HerdAgent => {
  const certificates = parsePem(chain, 'CERTIFICATE');
  const { spiffeId, leaf } = readX509Svid(certificates);
  const { serial, notBefore, notAfter } = leaf;
  const first: OwnSvid = { spiffeId, serial, notBefore, notAfter, chain: certificates, key: createPrivateKey(key) };
  const state = new HeldState(first);
  const common = { clock: systemClock, delays: systemTimers, entropy: systemEntropy(), logger: quiet };
  const trust = new ServerTrust({ trustDomain, state, anchor });
  const http = new HttpAgentServer({
    urls: [api],
    trustDomain,
    trust: () => trust.roots(),
    identity: () => identity.current(),
    settled: () => identity.settled(),
    ...common,
  });
  const server = counted(http, counts);
  const identity: IdentityKeeper = new IdentityKeeper({
    trustDomain,
    server,
    state,
    trust,
    timers: systemTimers,
    ...common,
  });
  const nobody = (): never => {
    throw new Error('there are no workloads here');
  };
  const holdings: Holdings = new Holdings({
    server,
    say: (message) => follower.say(message),
    hold: nobody,
    attest: nobody,
    ...common,
  });
  const follower: ServerFollower = new ServerFollower({ server, identity, state, trust, sink: holdings, ...common });
  identity.watch({
    identity: (svid) => {
      if (svid) holdings.agentIs(parseSpiffeId(svid.spiffeId));
    },
    revoked: () => holdings.forgetAll(),
  });
  holdings.agentIs(spiffeId);
  return {
    start: () => {
      identity.start();
      void follower.run(new AbortController().signal);
    },
    isSynced: () => follower.isCurrent(),
    svids: () => holdings.status().svids,
    isIdentified: () => identity.current() !== undefined,
    hasRenewed: () => (identity.current()?.notAfter ?? 0) > notAfter,
  };
};
