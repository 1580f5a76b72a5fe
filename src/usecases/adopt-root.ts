import type { Authority, SigningAlgorithm } from '../domain/authority.ts';
import { isPublished, nextGeneration } from '../domain/authority-life.ts';
import type { AuthorityPrepared } from '../domain/fact.ts';
import { Refusal } from '../domain/refusal.ts';
import { readCaCertificate, type CaCertificate } from '../formats/ca-certificate.ts';
import { jwkThumbprint, publicJwkOfSpki } from '../formats/jwk.ts';
import { rootProblems } from '../verify/ca-certificate.ts';
import { recordFacts, type AuthorityKeeper } from './authority-keeper.ts';

const ALGORITHMS: Partial<Record<CaCertificate['publicKey']['kind'], SigningAlgorithm>> = {
  p256: 'ES256',
  p384: 'ES384',
  rsa: 'RS256',
};

/** DEC-25: readers build chains by name, so no two keys may share a subject. */
const sharesName = (certificate: CaCertificate, id: string, all: readonly Authority[]): boolean =>
  all.some(
    (each) =>
      each.id !== id &&
      each.certificate !== undefined &&
      Buffer.compare(
        readCaCertificate(Buffer.from(each.certificate, 'base64')).subjectName,
        certificate.subjectName,
      ) === 0,
  );

/** Refuses with `invalid_request` and every reason at once. */
export const refuseUnsuitable = (what: string, problems: readonly string[]): void => {
  if (problems.length > 0) throw new Refusal('invalid_request', `${what} is not suitable: ${problems.join('; ')}`);
};

/**
 * The record of a root that was made elsewhere. Refuses with `invalid_request`, naming every reason: it is no CA or not
 * signed by itself, its path length leaves no room, it does not live as long as an issuing CA, its key is weak, it names
 * another trust domain or carries the subject of another authority.
 */
export const rootFromOutside = (
  keeper: AuthorityKeeper,
  der: Uint8Array,
  key: Authority['key'],
  generation: number,
): Authority => {
  const certificate = readCaCertificate(der);
  const now = keeper.clock.now();
  const minLife = keeper.authorityPolicy.life['x509-issuing'];
  const problems = rootProblems(certificate, { trustDomain: keeper.trustDomain, now, minLife });
  const algorithm = ALGORITHMS[certificate.publicKey.kind];
  refuseUnsuitable('the root certificate', problems);
  if (algorithm === undefined) throw new Refusal('invalid_request', 'the key of the root certificate is not supported');
  const id = jwkThumbprint(publicJwkOfSpki(certificate.spki));
  const isNameTaken = sharesName(certificate, id, keeper.views.authorities.list());
  refuseUnsuitable('the root certificate', isNameTaken ? ['its subject is that of another authority'] : []);
  return {
    id,
    purpose: 'x509-root',
    algorithm,
    generation,
    state: 'prepared',
    tainted: false,
    publicKey: Buffer.from(certificate.spki).toString('base64'),
    certificate: Buffer.from(certificate.der).toString('base64'),
    key,
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    preparedAt: now,
  };
};

/** Fails unless the key opens, fits the certificate and signs. */
const proveKey = async (keeper: AuthorityKeeper, authority: Authority): Promise<void> => {
  const signer = await keeper.keyStore.open(authority);
  await signer.sign(Buffer.from('mayfly'));
};

/**
 * Puts a configured root on record when it is new: from then on it is published, and signs when its time has come. Refuses as
 * `rootFromOutside`, and when its key does not open or does not fit. Does nothing when no root is configured or it is known.
 */
export const adoptBroughtRoot = async (keeper: AuthorityKeeper, by: string): Promise<void> => {
  const { broughtRoot, views } = keeper;
  if (broughtRoot === undefined) return;
  const all = views.authorities.list();
  const recorded = Buffer.from(broughtRoot.certificate).toString('base64');
  const known = all.find((each) => each.certificate === recorded);
  if (known !== undefined) {
    if (isPublished(known)) return;
    throw new Refusal('unavailable', 'the configured root was revoked: configure another', {
      reason: `authority ${known.id}`,
    });
  }
  const key = { kind: 'file', reference: broughtRoot.keyReference } as const;
  const authority = rootFromOutside(keeper, broughtRoot.certificate, key, nextGeneration(all, 'x509-root'));
  const isRenewed = views.authorities.get(authority.id) !== undefined;
  refuseUnsuitable('the root certificate', isRenewed ? ['its key is on record with another certificate'] : []);
  await proveKey(keeper, authority);
  const prepared: AuthorityPrepared = { kind: 'authority-prepared', authority, by };
  await recordFacts(keeper, [prepared]);
};
