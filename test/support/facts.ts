import type { Authority, KeyId } from '../../src/domain/authority.ts';
import type { Entry } from '../../src/domain/entry.ts';
import type { Denied, Issued } from '../../src/domain/fact.ts';
import type { Instant } from '../../src/domain/instant.ts';
import { recordId, RECORD_ID_ENTROPY } from '../../src/domain/record-id.ts';
import type { RecordId } from '../../src/domain/record-id.ts';
import type { SpiffeId } from '../../src/domain/spiffe-id.ts';
import type { LedgerRecord } from '../../src/ledger/store.ts';
import { testEntropy } from './ledger.ts';

/** Facts for tests of the ledger. Each call gives a new id. */
export const START = Date.UTC(2026, 10, 22, 12) as Instant;

export const newId = (at: number = START): RecordId => recordId(at as Instant, testEntropy.bytes(RECORD_ID_ENTROPY));

export const WEB = 'spiffe://example.org/web' as SpiffeId;
export const AGENT = 'spiffe://example.org/mayfly/agent/join_token/one' as SpiffeId;
export const CA = 'ca-1' as KeyId;

export const authorityFixture = (options: { id?: KeyId; blob?: string } & Partial<Authority> = {}): Authority => {
  const { blob = 'c2VhbGVk', ...rest } = options;
  return {
    id: CA,
    purpose: 'x509-issuing',
    algorithm: 'ES256',
    generation: 1,
    state: 'prepared',
    tainted: false,
    publicKey: 'AAAA',
    certificate: 'AAAA',
    key: { kind: 'sealed', blob },
    notBefore: 1_767_000_000,
    notAfter: 1_768_000_000,
    preparedAt: START,
    ...rest,
  };
};

export const entryFixture = (options: Partial<Entry> = {}): Entry => ({
  id: 'entry-1',
  revision: 1,
  spiffeId: WEB,
  parentId: AGENT,
  selectors: ['unix:uid:1000'],
  dnsNames: [],
  federatesWith: [],
  downstream: false,
  grants: [],
  jwtAudiences: [],
  createdAt: START,
  updatedAt: START,
  ...options,
});

export const issuedFixture = (options: Partial<Issued> = {}): Issued => ({
  kind: 'issued',
  id: newId(),
  credential: 'x509-svid',
  role: 'workload',
  spiffeId: WEB,
  digest: 'd'.repeat(64),
  algorithm: 'ES256',
  authority: CA,
  notBefore: 1_795_348_790,
  notAfter: 1_795_352_400,
  spki: 'e'.repeat(64),
  entry: 'entry-1',
  agent: AGENT,
  leans: { policy: 1, agent: AGENT, authority: CA, entry: { id: 'entry-1', revision: 1 } },
  spends: [],
  ...options,
});

export const deniedFixture = (options: Partial<Denied> = {}): Denied => ({
  kind: 'denied',
  id: newId(),
  operation: 'attest',
  code: 'attestation_refused',
  reason: 'test',
  ...options,
});

/** What is recorded before anything can be issued: an active issuing CA and an entry. */
export const FOUNDATION: readonly LedgerRecord['fact'][] = [
  { kind: 'authority-prepared', authority: authorityFixture(), by: 'test' },
  { kind: 'authority-activated', id: CA, purpose: 'x509-issuing', by: 'test' },
  { kind: 'entry-created', entry: entryFixture(), by: 'test', leans: { policy: 1 } },
];
