import type { Authority } from '../domain/authority.ts';
import { isWaiting, nextGeneration } from '../domain/authority-life.ts';
import { planPreparation } from '../domain/authority-plan.ts';
import type { AuthorityInstalled, AuthorityPrepared } from '../domain/fact.ts';
import { Refusal } from '../domain/refusal.ts';
import { caSubject, createCaCsr, readCaCertificate, type CaCertificate } from '../formats/ca-certificate.ts';
import { jwkThumbprint, publicJwkOfSpki } from '../formats/jwk.ts';
import { encodePem } from '../formats/pem.ts';
import { issuingCaProblems } from '../verify/ca-certificate.ts';
import { refuseUnsuitable, rootFromOutside } from './adopt-root.ts';
import { authorityOf, recordFacts, type AuthorityKeeper } from './authority-keeper.ts';
import { ISSUING_PATH_LENGTH, prepareAuthority } from './prepare-authority.ts';
import { purposesWith, rotateAuthorities } from './rotate-authorities.ts';

/** An issuing CA that ends sooner is not worth a switch. Seconds. */
const MIN_INSTALLED_LIFE = 3600;

const waiting = (keeper: AuthorityKeeper): Authority | undefined =>
  keeper.views.authorities.list('x509-issuing').find((each) => each.state === 'prepared' && isWaiting(each));

const prepareWaiting = async (keeper: AuthorityKeeper, by: string): Promise<Authority> => {
  const { authorityPolicy: policy, views, clock } = keeper;
  if (policy.root !== 'offline') {
    throw new Refusal('authority_state', 'the root is not offline: nobody else has to sign the issuing CA');
  }
  const [algorithm] = policy.algorithms['x509-issuing'];
  const step = planPreparation(views.authorities.list(), 'x509-issuing', algorithm, clock.now(), policy);
  if (step === undefined) throw new Error('an issuing CA under an offline root can always be prepared');
  const fact = await prepareAuthority(keeper, step, by);
  await recordFacts(keeper, [fact]);
  return fact.authority;
};

export interface AuthorityRequest {
  readonly authority: Authority;
  /** PEM. */
  readonly csr: string;
}

/**
 * The request that an offline root is to sign: for the issuing CA that waits, or for a new one when none does. The same CA
 * gives the same request again. Refuses with `authority_state` unless the root is offline.
 */
export const requestAuthority = async (keeper: AuthorityKeeper, by: string): Promise<AuthorityRequest> => {
  const authority = waiting(keeper) ?? (await prepareWaiting(keeper, by));
  const identity = {
    trustDomain: keeper.trustDomain,
    subject: caSubject(keeper.trustDomain, 'issuing', authority.generation, authority.id),
    spki: Buffer.from(authority.publicKey, 'base64'),
    pathLength: ISSUING_PATH_LENGTH,
  };
  const csr = await createCaCsr(identity, await keeper.keyStore.open(authority));
  return { authority, csr: encodePem('CERTIFICATE REQUEST', csr) };
};

export interface Installation {
  /** DER: what the offline root has signed. */
  readonly certificate: Uint8Array;
  /** DER: that root, and others to publish with it; those on record already may be left out. */
  readonly roots: readonly Uint8Array[];
}

const waitingFor = (keeper: AuthorityKeeper, certificate: CaCertificate): Authority => {
  const id = jwkThumbprint(publicJwkOfSpki(certificate.spki));
  const authority = keeper.views.authorities.get(id);
  if (authority?.purpose !== 'x509-issuing') {
    throw new Refusal('not_found', 'no issuing CA of ours has the key of this certificate', { field: 'certificate' });
  }
  if (authority.state !== 'prepared' || !isWaiting(authority)) {
    throw new Refusal('authority_state', 'the issuing CA with this key does not wait for a certificate');
  }
  return authority;
};

/** The new roots among those that were handed in, each judged, with generations that follow each other. */
const newRoots = (keeper: AuthorityKeeper, roots: readonly Uint8Array[]): readonly Authority[] => {
  const all = keeper.views.authorities.list();
  const known = new Set(all.map(({ certificate }) => certificate));
  const unknown = new Map(roots.map((der) => [Buffer.from(der).toString('base64'), der] as const));
  const generation = nextGeneration(all, 'x509-root');
  return [...unknown]
    .filter(([text]) => !known.has(text))
    .map(([, der], at) => rootFromOutside(keeper, der, { kind: 'absent' }, generation + at));
};

const signerAmong = (candidates: readonly Authority[], certificate: CaCertificate): [Authority, CaCertificate] => {
  for (const root of candidates) {
    const read = readCaCertificate(Buffer.from(root.certificate ?? '', 'base64'));
    if (Buffer.compare(read.subjectName, certificate.issuerName) === 0) return [root, read];
  }
  throw new Refusal('invalid_request', 'none of the roots has signed this certificate: hand in the root as well', {
    field: 'roots',
  });
};

/**
 * Puts the certificate that an offline root has signed on record, with the roots that are new, in one step; then activates
 * what may be active. Refuses with `invalid_request` and every reason: another key than ours, not a CA, not signed by the
 * root, not valid now or for less than an hour, outliving its root; and with `authority_state` when the CA does not wait.
 */
export const installAuthority = async (
  keeper: AuthorityKeeper,
  { certificate: der, roots }: Installation,
  by: string,
): Promise<Authority> => {
  const certificate = readCaCertificate(der);
  const authority = waitingFor(keeper, certificate);
  const fresh = newRoots(keeper, roots);
  const published = keeper.views.authorities.list('x509-root').filter(({ state }) => state !== 'revoked');
  const [root, rootCertificate] = signerAmong([...fresh, ...published], certificate);
  const problems = issuingCaProblems(certificate, rootCertificate, {
    trustDomain: keeper.trustDomain,
    now: keeper.clock.now(),
    minLife: MIN_INSTALLED_LIFE,
    spki: Buffer.from(authority.publicKey, 'base64'),
  });
  refuseUnsuitable('the certificate of the issuing CA', problems);
  const prepared = fresh.map((each): AuthorityPrepared => ({ kind: 'authority-prepared', authority: each, by }));
  const installed: AuthorityInstalled = {
    kind: 'authority-installed',
    id: authority.id,
    certificate: Buffer.from(der).toString('base64'),
    issuer: root.id,
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    by,
  };
  await recordFacts(keeper, [...prepared, installed]);
  await rotateAuthorities(keeper, by, purposesWith('x509-issuing'));
  return authorityOf(keeper, authority.id);
};
