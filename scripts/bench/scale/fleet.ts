import { hash } from 'node:crypto';
import type { KeyId } from '../../../src/domain/authority.ts';
import type { Entry } from '../../../src/domain/entry.ts';
import type { Attested, CredentialKind, Decided, Fact, Issued } from '../../../src/domain/fact.ts';
import { type Instant, unixSeconds } from '../../../src/domain/instant.ts';
import { RECORD_ID_ENTROPY, type RecordId, recordId } from '../../../src/domain/record-id.ts';
import { agentId, spiffeIdFromPath, type SpiffeId } from '../../../src/domain/spiffe-id.ts';
import type { TrustDomain } from '../../../src/domain/trust-domain.ts';

/** How large, and how old. Everything else follows from it, so that an interrupted fill goes on where it stopped. */
export interface FleetPlan {
  readonly entries: number;
  readonly credentialsPerEntry: number;
  /** The wall time at which the first credential was issued, and how long it took until the last. Milliseconds. */
  readonly from: number;
  readonly span: number;
}

/** What the facts of a fleet name besides themselves. */
export interface FleetGround {
  readonly trustDomain: TrustDomain;
  readonly resource: string;
  readonly scope: string;
  /** Key ids by what they sign. */
  readonly authorities: Readonly<Record<CredentialKind, KeyId>>;
  /** Agents that can be asked through: they exist already, each with the serial of its certificate. */
  readonly agents: readonly { readonly spiffeId: SpiffeId; readonly serial: RecordId }[];
}

const ENTRIES_PER_AGENT = 1000;
const X509_TTL = 3600;
const JWT_TTL = 300;
const DIGEST_BYTES = 32;
/** Of five credentials of an entry; then over again. */
const KINDS: readonly CredentialKind[] = ['x509-svid', 'jwt-svid', 'x509-svid', 'access-token', 'x509-svid'];
/** Coprime to every number of entries in use, so that each round visits all of them, in an order that means nothing. */
const STRIDE = 7_368_787;

/** Octets that look random and are the same each time. */
const octets = (what: string, count: number): Uint8Array => hash('sha256', what, 'buffer').subarray(0, count);

const digest = (what: string): string => hash('sha256', what, 'hex');

const idOf = (at: number, what: string): RecordId => recordId(at as Instant, octets(what, RECORD_ID_ENTROPY));

/** The facts of a fleet in their order, each computed from its place: agents, then entries, then rounds of credentials. */
export class Fleet {
  readonly #plan: FleetPlan;
  readonly #ground: FleetGround;
  /** Groups that an agent takes: attested, decided and issued stand together. */
  readonly #newAgents: number;
  readonly #agentCount: number;

  constructor(plan: FleetPlan, ground: FleetGround) {
    this.#plan = plan;
    this.#ground = ground;
    this.#agentCount = Math.max(ground.agents.length, Math.ceil(plan.entries / ENTRIES_PER_AGENT));
    this.#newAgents = this.#agentCount - ground.agents.length;
  }

  /** How many facts there are. */
  get size(): number {
    const { entries, credentialsPerEntry } = this.#plan;
    return this.#newAgents * 3 + entries * (1 + credentialsPerEntry);
  }

  get credentials(): number {
    return this.#newAgents + this.#plan.entries * this.#plan.credentialsPerEntry;
  }

  /** Entries of one agent, to put load on; at most `count`, spread over all. */
  entriesUnder(agent: number, count: number): readonly { readonly id: string; readonly spiffeId: SpiffeId }[] {
    const own = Math.floor((this.#plan.entries - agent + this.#agentCount - 1) / this.#agentCount);
    const taken = Math.min(count, own);
    return Array.from({ length: taken }, (_, n) =>
      this.#entry(agent + Math.floor((n * own) / taken) * this.#agentCount),
    );
  }

  /** When fact `at` happened. */
  timeOf(at: number): Instant {
    const first = this.size - this.#plan.entries * this.#plan.credentialsPerEntry;
    const share = at < first ? 0 : (at - first) / (this.size - first);
    return Math.floor(this.#plan.from + this.#plan.span * share) as Instant;
  }

  fact(at: number): Fact {
    const beforeEntries = this.#newAgents * 3;
    if (at < beforeEntries) return this.#agentFact(this.#ground.agents.length + Math.floor(at / 3), at % 3);
    const n = at - beforeEntries;
    const { entries } = this.#plan;
    if (n < entries) {
      return { kind: 'entry-created', entry: this.#entry(n), by: 'bench', leans: { policy: 1 } };
    }
    const round = Math.floor((n - entries) / entries);
    const entry = (((n - entries) % entries) * STRIDE + round * 31) % entries;
    return this.#credential(entry, round, this.timeOf(at));
  }

  #agentOf(entry: number): { readonly spiffeId: SpiffeId; readonly serial: RecordId } {
    return this.#agent(entry % this.#agentCount);
  }

  #agent(n: number): { readonly spiffeId: SpiffeId; readonly serial: RecordId } {
    const known = this.#ground.agents[n];
    if (known) return known;
    return {
      spiffeId: agentId(this.#ground.trustDomain, 'join_token', `agent-${n}`),
      serial: idOf(this.#plan.from, `agent ${n}`),
    };
  }

  #entry(n: number): Entry {
    const at = this.#plan.from as Instant;
    const node = String(n % this.#agentCount).padStart(4, '0');
    return {
      id: idOf(at + n, `entry ${n}`),
      revision: 1,
      createdAt: at,
      updatedAt: at,
      spiffeId: spiffeIdFromPath(this.#ground.trustDomain, `/fleet/node-${node}/service-${n}`),
      parentId: this.#agentOf(n).spiffeId,
      selectors: [`unix:uid:${1000 + Math.floor(n / this.#agentCount)}`],
      dnsNames: [],
      federatesWith: [],
      downstream: false,
      grants: [],
      jwtAudiences: [],
    };
  }

  #agentFact(n: number, part: number): Attested | Decided | Issued {
    const { spiffeId, serial } = this.#agent(n);
    const at = this.#plan.from;
    const attestation = idOf(at, `attestation ${n}`);
    const evidence = digest(`evidence ${n}`);
    const leans = { evidence, policy: 1 };
    const spki = digest(`key of agent ${n}`);
    const until = Math.floor(at / 1000) + 24 * 3600;
    if (part === 0) {
      const spends = [{ kind: 'evidence', key: evidence, spki, until }] as const;
      const selectors = [`join_token:agent-${n}`];
      const renewUntil = until + 29 * 24 * 3600;
      const role = 'agent';
      const attestor = 'join_token';
      return {
        kind: 'attested',
        id: attestation,
        attestor,
        role,
        spiffeId,
        selectors,
        evidence,
        spki,
        renewUntil,
        leans,
        spends,
      };
    }
    if (part === 1) {
      return { kind: 'decided', id: idOf(at, `decision ${n}`), operation: 'attest', spiffeId, attestation, leans };
    }
    return {
      ...this.#issued('x509-svid', serial, spiffeId, at as Instant, 24 * 3600),
      role: 'agent',
      attestation,
      spki,
      leans: { ...leans, authority: this.#ground.authorities['x509-svid'] },
    };
  }

  #credential(n: number, round: number, now: Instant): Issued {
    const kind = KINDS[round % KINDS.length] ?? 'x509-svid';
    const entry = this.#entry(n);
    const agent = this.#agentOf(n);
    const what = `credential ${n} of round ${round}`;
    const { authorities, resource, scope } = this.#ground;
    const issued = this.#issued(kind, idOf(now, what), entry.spiffeId, now, kind === 'x509-svid' ? X509_TTL : JWT_TTL);
    return {
      ...issued,
      entry: entry.id,
      agent: agent.spiffeId,
      ...(kind === 'x509-svid' && { spki: digest(`key of ${what}`) }),
      ...(kind === 'jwt-svid' && { audience: ['https://ledger.bench.example'] }),
      ...(kind === 'access-token' && { audience: [resource], scope: [scope] }),
      leans: {
        caller: agent.serial,
        agent: agent.spiffeId,
        entry: { id: entry.id, revision: 1 },
        ...(kind === 'access-token' && { resource: { identifier: resource, revision: 1 } }),
        policy: 1,
        authority: authorities[kind],
      },
    };
  }

  #issued(kind: CredentialKind, id: RecordId, spiffeId: SpiffeId, now: Instant, ttl: number): Issued {
    return {
      kind: 'issued',
      id,
      credential: kind,
      role: 'workload',
      spiffeId,
      digest: Buffer.from(octets(`bytes of ${id}`, DIGEST_BYTES)).toString('hex'),
      algorithm: 'ES256',
      authority: this.#ground.authorities[kind],
      notBefore: unixSeconds(now) - 30,
      notAfter: unixSeconds(now) + ttl,
      leans: { policy: 1 },
      spends: [],
    };
  }
}
