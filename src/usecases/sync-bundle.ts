import type { Authority } from '../domain/authority.ts';
import { isPublished } from '../domain/authority-life.ts';
import type { TrustDomain } from '../domain/trust-domain.ts';
import { readCertificate } from '../formats/certificate.ts';
import { publicJwkOfSpki } from '../formats/jwk.ts';
import type { SyncBundleMessage } from '../formats/sync-message.ts';

const isBad = ({ tainted, state }: Authority): boolean => tainted || state === 'revoked';

/** An issuing CA is as good as the root that it hangs on. */
const isBadCa = (authority: Authority, all: readonly Authority[]): boolean =>
  isBad(authority) || all.some((root) => root.id === authority.issuer && isBad(root));

/** What a leaf names its issuer by (RFC 5280 §4.2.1.1): the CA's subject key identifier, lower-case hexadecimal. */
const subjectKeyIdOf = ({ certificate }: Authority): readonly string[] => {
  const id = certificate === undefined ? undefined : readCertificate(Buffer.from(certificate, 'base64')).subjectKeyId;
  return id === undefined ? [] : [Buffer.from(id).toString('hex')];
};

const taintedOf = (all: readonly Authority[]): readonly string[] => [
  ...all
    .filter((each) => each.purpose === 'x509-issuing' && isBadCa(each, all))
    .flatMap((each) => subjectKeyIdOf(each)),
  ...all.filter((each) => each.purpose === 'jwt-svid' && isBad(each)).map(({ id }) => id),
];

/**
 * Who may sign for the trust domain, for agents: the same authorities as in the published bundle, prepared ones too (DEC-22).
 * `tainted` are the issuing CAs by the key identifier that their leaves carry, and the JWT keys by `kid`, whose signatures
 * are to be replaced; they stay named until they are gone. A CA is among them when its root is tainted or revoked, too.
 */
export const syncBundle = (
  trustDomain: TrustDomain,
  authorities: readonly Authority[],
  sequence: number,
): SyncBundleMessage => {
  const published = authorities.filter(isPublished);
  return {
    type: 'bundle',
    bundle: {
      trustDomain,
      sequence,
      x509Authorities: published
        .filter(({ purpose }) => purpose === 'x509-root')
        .map(({ certificate = '' }) => certificate),
      jwtKeys: published
        .filter(({ purpose }) => purpose === 'jwt-svid')
        .map(({ id, publicKey }) => ({ kid: id, ...publicJwkOfSpki(Buffer.from(publicKey, 'base64')) })),
    },
    tainted: taintedOf(authorities),
  };
};
