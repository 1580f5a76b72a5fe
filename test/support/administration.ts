import type { Administrator } from '../../src/domain/administrator.ts';
import type { KeyId } from '../../src/domain/authority.ts';
import type { EntryDraft } from '../../src/domain/entry-rules.ts';
import type { Attested, Denied, Issued } from '../../src/domain/fact.ts';
import { unixSeconds } from '../../src/domain/instant.ts';
import { RECORD_ID_ENTROPY, recordId, type RecordId } from '../../src/domain/record-id.ts';
import type { ResourceDraft } from '../../src/domain/resource-rules.ts';
import { parseSpiffeId, type SpiffeId } from '../../src/domain/spiffe-id.ts';
import { parseTrustDomain } from '../../src/domain/trust-domain.ts';
import { Follower } from '../../src/ledger/follow.ts';
import type { Appended } from '../../src/ports/ledger.ts';
import type { IssuancePolicy } from '../../src/usecases/issuer.ts';
import { openTestLedger, type TestLedger } from './ledger.ts';

const policy: IssuancePolicy = {
  trustDomain: parseTrustDomain('example.org'),
  x509Ttl: 3600,
  jwtTtl: 300,
  agentTtl: 86_400,
  agentlessTtl: 600,
  tokenTtl: 300,
  maxSession: 86_400,
  nodeKeyLife: 30 * 86_400,
  backdate: 10,
  commonNames: ['cn-*'],
  dnsNames: ['*.svc.example.org'],
  oidcIssuers: [{ name: 'github', multiTenant: true }],
};

export const id = (path: string): SpiffeId => parseSpiffeId(`spiffe://example.org${path}`);

export const ROOT: Administrator = { name: 'uid:0', role: 'owner', local: true };

export const registrar = (path: string): Administrator => ({
  name: id('/admin'),
  role: 'registrar',
  prefix: id(path),
  local: false,
});

export const entryDraft = (changes: Partial<EntryDraft> = {}): EntryDraft => ({
  spiffeId: id('/web'),
  selectors: ['unix:uid:1000'],
  ...changes,
});

export const API: ResourceDraft = {
  identifier: 'https://api.example.org/',
  names: ['api'],
  scopes: [{ name: 'read' }, { name: 'write' }],
  bindings: ['mtls'],
};

/** What use cases of administration work with, over a real ledger. Close it. */
export interface TestAdministration extends TestLedger {
  readonly policy: IssuancePolicy;
  readonly follower: Follower;
  newId(): RecordId;
  /** Records an issuance without a signature. */
  issue(changes?: Partial<Issued>): Promise<Issued & { readonly answer: Appended }>;
  attest(changes?: Partial<Attested>): Promise<Attested>;
  deny(changes?: Partial<Denied>): Promise<Denied>;
  size(): number;
}

export const openAdministration = async (): Promise<TestAdministration> => {
  const open = await openTestLedger();
  const { ledger, views, clock, entropy } = open;
  const newId = (): RecordId => recordId(clock.now(), entropy.bytes(RECORD_ID_ENTROPY));
  const now = (): number => unixSeconds(clock.now());
  return {
    ...open,
    policy,
    follower: new Follower(views),
    newId,
    size: () => views.log.head().size,
    issue: async (changes = {}) => {
      const fact: Issued = {
        kind: 'issued',
        id: newId(),
        credential: 'x509-svid',
        role: 'workload',
        spiffeId: id('/web'),
        digest: '00'.repeat(32),
        algorithm: 'ES256',
        authority: 'key' as KeyId,
        notBefore: now() - 10,
        notAfter: now() + 3600,
        spki: '11'.repeat(32),
        leans: { policy: 1 },
        spends: [],
        ...changes,
      };
      return { ...fact, answer: await ledger.append({ facts: [fact] }) };
    },
    attest: async (changes = {}) => {
      const fact: Attested = {
        kind: 'attested',
        id: newId(),
        attestor: 'x509pop',
        role: 'agent',
        spiffeId: id('/mayfly/agent/x509pop/node-1'),
        selectors: ['x509pop:subject:node-1'],
        evidence: '22'.repeat(32),
        spki: '11'.repeat(32),
        renewUntil: now() + 86_400,
        leans: { policy: 1 },
        spends: [],
        ...changes,
      };
      await ledger.append({ facts: [fact] });
      return fact;
    },
    deny: async (changes = {}) => {
      const fact: Denied = {
        kind: 'denied',
        id: newId(),
        operation: 'POST /v1/attest',
        code: 'no_identity',
        reason: 'no entry matches',
        ...changes,
      };
      await ledger.append({ facts: [fact] });
      return fact;
    },
  };
};
