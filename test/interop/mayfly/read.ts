import { hash } from 'node:crypto';
import { instant } from '../../../src/domain/instant.ts';
import { Refusal } from '../../../src/domain/refusal.ts';
import { parseTrustDomain } from '../../../src/domain/trust-domain.ts';
import { readBundle } from '../../../src/formats/bundle-reader.ts';
import { readCaCertificate } from '../../../src/formats/ca-certificate.ts';
import { importJwks } from '../../../src/formats/jwk-import.ts';
import { parseJsonObject } from '../../../src/formats/json.ts';
import { parsePem } from '../../../src/formats/pem.ts';
import { verifyAccessToken } from '../../../src/verify/access-token.ts';
import { verifyJwtSvid } from '../../../src/verify/jwt-svid.ts';
import { readX509Svid, verifyX509Svid } from '../../../src/verify/x509-path.ts';
import { type Read, runReader } from '../samples/reader.ts';

const TRUST_DOMAIN = parseTrustDomain('example.org');
const NOW = instant(Date.now());

/** Puts the reason for the operator in place of the public detail. */
const withReason =
  <T extends unknown[], R>(run: (...args: T) => R) =>
  (...args: T): R => {
    try {
      return run(...args);
    } catch (error) {
      throw error instanceof Refusal ? new Error(error.reason ?? error.message) : error;
    }
  };

const readX509: Read<'x509'> = ({ chain, roots }, content) => {
  const text = content(roots);
  const anchors = text === '' ? [] : parsePem(text, 'CERTIFICATE').map(readCaCertificate);
  const verified = verifyX509Svid({
    svid: readX509Svid(parsePem(content(chain), 'CERTIFICATE')),
    rootsOf: (trustDomain) => (trustDomain === TRUST_DOMAIN ? anchors : undefined),
    now: NOW,
  });
  const { notAfter, alternativeNames } = verified.leaf;
  return { uris: [verified.spiffeId], dnsNames: alternativeNames?.dnsNames ?? [], notAfter };
};

const readToken: Read<'jwt-svid'> = ({ token, bundle, audience }, content) => {
  const { jwtKeys } = readBundle(content(bundle), TRUST_DOMAIN);
  return verifyJwtSvid(content(token), {
    bundles: (trustDomain) => (trustDomain === TRUST_DOMAIN ? jwtKeys : undefined),
    audiences: [audience],
    now: NOW,
  }).claims;
};

const readAccessToken: Read<'access-token'> = ({ token, keys, issuer, audience }, content) =>
  verifyAccessToken(content(token), {
    issuer,
    audience,
    keys: importJwks(parseJsonObject(content(keys))),
    algorithms: ['ES256', 'ES384', 'RS256'],
    presenter: 'unchecked',
    now: NOW,
  }).claims;

/** An entry that is left out counts as refused, since a spoiled document has no other. */
const refuseNothing = (breaks: string | undefined, found: number): void => {
  if (breaks !== undefined && found === 0) throw new Error('nothing in it is usable');
};

const readKeys: Read<'jwks'> = ({ keys, breaks }, content) => {
  const kids = importJwks(parseJsonObject(content(keys))).map(({ kid }) => kid);
  refuseNothing(breaks, kids.length);
  return { kids: kids.sort() };
};

const readBundleDocument: Read<'bundle'> = ({ bundle, breaks }, content) => {
  const { x509Authorities, jwtKeys, sequence, refreshHint = -1 } = readBundle(content(bundle), TRUST_DOMAIN);
  refuseNothing(breaks, x509Authorities.length + jwtKeys.length);
  return {
    x509: x509Authorities.map((der) => hash('sha256', der, 'hex')).sort(),
    kids: jwtKeys.map(({ kid }) => kid).sort(),
    sequence: Number(sequence),
    refreshHint,
  };
};

runReader({
  reader: 'mayfly',
  rules: ['pkix', 'x509-svid', 'jwt', 'jwt-svid', 'access-token', 'keys'],
  read: {
    x509: withReason(readX509),
    'jwt-svid': withReason(readToken),
    'access-token': withReason(readAccessToken),
    jwks: withReason(readKeys),
    bundle: withReason(readBundleDocument),
  },
});
