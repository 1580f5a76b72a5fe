import { hash, sign } from 'node:crypto';
import { joinTokenAttestor } from '../../src/adapters/attestors/join-token.ts';
import { nodeKeyAttestor } from '../../src/adapters/attestors/node-key.ts';
import { DEFAULT_AUTHORITY_POLICY } from '../../src/domain/authority-policy.ts';
import type { Entry } from '../../src/domain/entry.ts';
import type { Denied, Fact, FactKind } from '../../src/domain/fact.ts';
import { RECORD_ID_ENTROPY, recordId } from '../../src/domain/record-id.ts';
import type { Predicate, RevocationTarget } from '../../src/domain/revocation.ts';
import { parseSpiffeId, serverId } from '../../src/domain/spiffe-id.ts';
import { writeCsr } from '../../src/formats/csr-writer.ts';
import { csrDigest, possessionMessage } from '../../src/formats/possession.ts';
import { Follower } from '../../src/ledger/follow.ts';
import type { Attestor } from '../../src/ports/attestor.ts';
import { attest, type AttestedIdentity } from '../../src/usecases/attest.ts';
import type { Caller } from '../../src/usecases/authenticate-caller.ts';
import { createChallenge } from '../../src/usecases/challenge.ts';
import type { AuthorityManager } from '../../src/usecases/draft-authority-change.ts';
import type { IssuancePolicy } from '../../src/usecases/issuer.ts';
import { OpenSigningKeys } from '../../src/usecases/open-signing-keys.ts';
import type { Attesting, AttestRequest } from '../../src/usecases/prove-evidence.ts';
import { DenialLimit } from '../../src/usecases/denial-limit.ts';
import { bootstrapAuthorities, rotateAuthorities } from '../../src/usecases/rotate-authorities.ts';
import type { IssuedX509 } from '../../src/usecases/x509-issuance.ts';
import { openTestLedger, testClock, type TestLedger } from './ledger.ts';
import { memoryKeyStore } from './memory-keys.ts';
import { newKey, NOW, TRUST_DOMAIN, type TestKey } from './x509.ts';

const TEST_POLICY: IssuancePolicy = {
  trustDomain: TRUST_DOMAIN,
  x509Ttl: 3600,
  jwtTtl: 300,
  agentTtl: 86_400,
  agentlessTtl: 600,
  tokenTtl: 300,
  maxSession: 86_400,
  nodeKeyLife: 30 * 86_400,
  backdate: 10,
  commonNames: [],
  dnsNames: [],
};

/** An issuer that attests, over a real ledger; its clock stands at `NOW` until told. */
export interface TestAttesting {
  readonly attesting: Attesting;
  readonly ledger: TestLedger;
  /** For what operators do with its authorities. */
  readonly keeper: AuthorityManager;
  /** All facts of a kind, in order. */
  facts<K extends FactKind>(kind: K): readonly Extract<Fact, { kind: K }>[];
  lastDenial(): Denied | undefined;
  /** Puts an entry for agentless workloads on record; `changes` replaces what it says. */
  entry(id: string, changes?: Partial<Entry>): Promise<Entry>;
  revoke(target: RevocationTarget, ...predicates: readonly Predicate[]): Promise<void>;
  /** Lets time pass for the authorities too, which rotate. There is no way back. */
  pass(ms: number): Promise<void>;
  close(): Promise<void>;
}

export const startAttesting = async (attestors: readonly Attestor[] = []): Promise<TestAttesting> => {
  const ledger = await openTestLedger({ clock: testClock(NOW * 1000) });
  const { clock, entropy, views } = ledger;
  const keyStore = memoryKeyStore();
  const parts = { clock, entropy, views, ledger: ledger.ledger };
  const keeper = { ...parts, trustDomain: TRUST_DOMAIN, authorityPolicy: DEFAULT_AUTHORITY_POLICY, keyStore };
  await bootstrapAuthorities(keeper);
  const follower = new Follower(views);
  const revocations = () => {
    follower.refresh();
    return follower.revocations;
  };
  const all = [
    joinTokenAttestor({ trustDomain: TRUST_DOMAIN, views }),
    nodeKeyAttestor({ views, revocations, nodeKeyLife: TEST_POLICY.nodeKeyLife }),
    ...attestors,
  ];
  const attesting: Attesting = {
    ...parts,
    policy: TEST_POLICY,
    follower,
    keys: new OpenSigningKeys(follower, keyStore),
    denials: new DenialLimit(),
    challengeKey: entropy.bytes(32),
    attestors: new Map(all.map((attestor) => [attestor.type, attestor])),
  };
  const facts = <K extends FactKind>(kind: K): readonly Extract<Fact, { kind: K }>[] =>
    Array.from({ length: views.log.head().size }, (_, index) => views.log.at(index)?.fact).filter(
      (fact): fact is Extract<Fact, { kind: K }> => fact?.kind === kind,
    );
  return {
    attesting,
    ledger,
    keeper,
    facts,
    lastDenial: () => facts('denied').at(-1),
    entry: async (id, changes = {}) => {
      const entry: Entry = {
        id,
        revision: 1,
        createdAt: clock.now(),
        updatedAt: clock.now(),
        spiffeId: parseSpiffeId(`spiffe://example.org/${id}`),
        parentId: serverId(TRUST_DOMAIN),
        selectors: ['test:1'],
        dnsNames: [],
        federatesWith: [],
        downstream: false,
        grants: [],
        jwtAudiences: [],
        ...changes,
      };
      const kind = entry.revision === 1 ? 'entry-created' : 'entry-updated';
      await ledger.ledger.append({ facts: [{ kind, entry, by: 'test', leans: { policy: 1 } }] });
      return entry;
    },
    revoke: async (target, ...predicates) => {
      const id = recordId(clock.now(), entropy.bytes(RECORD_ID_ENTROPY));
      await ledger.ledger.append({ facts: [{ kind: 'revoked', id, target, predicates, reason: 'test', by: 'test' }] });
    },
    pass: async (ms) => {
      clock.advance(ms);
      await rotateAuthorities(keeper);
    },
    close: () => ledger.close(),
  };
};

/** Attests with a key; `changes` replaces what the request says. */
export const attestWith = (
  { attesting }: TestAttesting,
  type: string,
  evidence: unknown,
  { key = newKey(), ...changes }: Partial<AttestRequest> & { readonly key?: TestKey } = {},
): Promise<AttestedIdentity> =>
  attest(attesting, { type, evidence, csr: writeCsr(key.privateKey), source: '192.0.2.1', ...changes });

/** A signature by `key` over what it has to sign to come with `csr`. */
export const possessionBy = (key: TestKey, csr: Uint8Array, nonce?: Uint8Array): Buffer =>
  sign(key.type === 'p384' ? 'sha384' : 'sha256', possessionMessage(csrDigest(csr), nonce), key.privateKey);

/** A request that answers a fresh challenge: its CSR, nonce and signature. */
export const answered = ({ attesting }: TestAttesting, signer: TestKey, key: TestKey = newKey()) => {
  const csr = writeCsr(key.privateKey);
  const challenge = createChallenge(attesting).nonce;
  return { csr, challenge, signature: possessionBy(signer, csr, challenge).toString('base64') };
};

/** The holder of an identity as it calls the server; `changes` replaces what is known of it. */
export const callerOf = (
  { ledger }: TestAttesting,
  { id, spiffeId, notAfter, chain: [leaf = new Uint8Array()] }: AttestedIdentity | IssuedX509,
  changes: Partial<Caller> = {},
): Caller => {
  const row = ledger.views.credentials.get(id);
  if (!row) throw new Error('the credential is not on record');
  return {
    serial: id,
    spiffeId,
    role: row.role,
    row,
    certificateSha256: hash('sha256', leaf, 'hex'),
    spkiSha256: row.spki ?? '',
    notAfter,
    ...changes,
  };
};
