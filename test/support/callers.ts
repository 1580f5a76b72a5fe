import { DenialLimit } from '../../src/usecases/denial-limit.ts';
import type { Issued } from '../../src/domain/fact.ts';
import type { RecordId } from '../../src/domain/record-id.ts';
import type { Predicate, RevocationTarget } from '../../src/domain/revocation.ts';
import type { SpiffeId } from '../../src/domain/spiffe-id.ts';
import { encodePem } from '../../src/formats/pem.ts';
import { assembleCertificate, leafTbs, x509Signature } from '../../src/formats/x509-leaf.ts';
import type { Issuer } from '../../src/usecases/issuer.ts';
import { bootstrapAuthorities } from '../../src/usecases/rotate-authorities.ts';
import { openTestAuthorities, TRUST_DOMAIN } from './authorities.ts';
import type { TestAuthorities } from './authorities.ts';
import { issuedFixture, newId } from './facts.ts';
import { sha256 } from './http.ts';
import { newKey } from './x509.ts';
import type { TestKey } from './x509.ts';

/** A caller's credential, on record like any other. */
export interface TestCredential {
  readonly serial: RecordId;
  readonly leaf: Buffer;
  readonly key: TestKey;
  /** PEM, for a TLS client. */
  readonly cert: string;
  readonly keyPem: string;
}

export interface CallerWorld extends TestAuthorities {
  readonly issuer: Omit<Issuer, 'keys'>;
  /** Signs a leaf by the active issuing CA and records what `recorded` makes of it; `null`: nothing is recorded. */
  issue(options?: {
    key?: TestKey;
    serial?: RecordId;
    spiffeId?: SpiffeId;
    notBefore?: number;
    notAfter?: number;
    recorded?: Partial<Issued> | null;
  }): Promise<TestCredential>;
  revoke(target: RevocationTarget, predicates: readonly Predicate[]): Promise<RecordId>;
}

export const WORKLOAD = 'spiffe://example.org/web' as SpiffeId;

/** Callers over a real ledger with real authorities. Close it. */
export const openCallerWorld = async (): Promise<CallerWorld> => {
  const world = await openTestAuthorities();
  await bootstrapAuthorities(world.keeper);
  world.follower.refresh();
  const seconds = Math.floor(world.clock.now() / 1000);
  const policy = {
    trustDomain: TRUST_DOMAIN,
    x509Ttl: 3600,
    jwtTtl: 300,
    agentTtl: 86_400,
    agentlessTtl: 600,
    tokenTtl: 300,
    maxSession: 86_400,
    nodeKeyLife: 2_592_000,
    backdate: 10,
    commonNames: [],
    dnsNames: [],
  };
  const issue: CallerWorld['issue'] = async (options = {}) => {
    const { key = newKey(), serial = newId(world.clock.now()), spiffeId = WORKLOAD, recorded = {} } = options;
    const { notBefore = seconds - 10, notAfter = seconds + 3600 } = options;
    const ca = await world.keys.issuing();
    const { algorithm } = ca.authority;
    const tbs = leafTbs({
      serial,
      spiffeId,
      subject: { organization: TRUST_DOMAIN },
      dnsNames: [],
      ipAddresses: [],
      notBefore,
      notAfter,
      spki: key.spki,
      keyType: key.type,
      issuer: { nameDer: ca.subjectDer, keyId: ca.subjectKeyId, algorithm },
    });
    const leaf = assembleCertificate(tbs, algorithm, x509Signature(algorithm, await ca.signer.sign(tbs)));
    if (recorded !== null) {
      const { entry: _entry, agent: _agent, ...plain } = issuedFixture({ authority: ca.authority.id });
      const fact: Issued = {
        ...plain,
        id: serial,
        spiffeId,
        notBefore,
        notAfter,
        spki: sha256(key.spki),
        digest: sha256(tbs),
        leans: { policy: 1, authority: ca.authority.id },
        ...recorded,
      };
      const appended = await world.ledger.append({ facts: [fact] });
      if (appended.status !== 'committed') throw new Error(JSON.stringify(appended));
    }
    const keyPem = key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    return { serial, leaf, key, cert: encodePem('CERTIFICATE', leaf), keyPem };
  };
  return {
    ...world,
    issuer: { ...world, policy, denials: new DenialLimit() },
    issue,
    revoke: async (target, predicates) => {
      const id = newId(world.clock.now());
      const fact = { kind: 'revoked', id, target, predicates, reason: 'test', by: 'uid:0' } as const;
      const appended = await world.ledger.append({ facts: [fact] });
      if (appended.status !== 'committed') throw new Error(JSON.stringify(appended));
      return id;
    },
  };
};
