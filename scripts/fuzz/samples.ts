import { createPrivateKey, createPublicKey, hash, sign, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { caSubject, createCaCertificate, readCaCertificate } from '../../src/formats/ca-certificate.ts';
import { recordId } from '../../src/domain/record-id.ts';
import { instant } from '../../src/domain/instant.ts';
import { parseSpiffeId } from '../../src/domain/spiffe-id.ts';
import { parseTrustDomain } from '../../src/domain/trust-domain.ts';
import { assembleCertificate, leafTbs } from '../../src/formats/x509-leaf.ts';

/** Good samples that are the same in every run: the keys are published ones, and RSA signatures hold no chance. */

export interface WycheproofGroup {
  readonly public?: Record<string, unknown>;
  readonly private?: Record<string, unknown>;
  readonly publicKeyDer?: string;
  readonly tests: readonly { readonly jws?: string; readonly msg?: string; readonly sig?: string }[];
}

export const wycheproof = (file: string): readonly WycheproofGroup[] => {
  const url = new URL(`../../test/vectors/wycheproof/${file}_test.json`, import.meta.url);
  return (JSON.parse(readFileSync(url, 'utf8')) as { testGroups: WycheproofGroup[] }).testGroups;
};

const published = wycheproof('json_web_signature').map((group) => group.private ?? {});

const keyOf = (kty: string, alg: string): KeyObject => {
  const jwk = published.find((each) => each['kty'] === kty && each['alg'] === alg) ?? {};
  return createPrivateKey({ key: jwk, format: 'jwk' });
};

export const RSA_KEY = keyOf('RSA', 'RS256');
export const EC_KEY = keyOf('EC', 'ES256');
export const spkiOf = (key: KeyObject): Buffer => createPublicKey(key).export({ type: 'spki', format: 'der' });

/** 2026-11-15T18:30:00Z. */
export const NOW_SECONDS = 1_794_767_400;
export const NOW = instant(NOW_SECONDS * 1000);
export const TRUST_DOMAIN = parseTrustDomain('example.org');

const serial = (number: number) => recordId(NOW, Buffer.alloc(10, number));
const rsaSigner = { algorithm: 'RS256', sign: (bytes: Uint8Array) => sign('sha256', bytes, RSA_KEY) } as const;
const subject = caSubject(TRUST_DOMAIN, 'root', 1, hash('sha256', spkiOf(RSA_KEY), 'hex'));

export const ROOT_DER = await createCaCertificate(
  {
    serial: serial(1),
    trustDomain: TRUST_DOMAIN,
    subject,
    spki: spkiOf(RSA_KEY),
    notBefore: NOW_SECONDS - 86_400,
    notAfter: NOW_SECONDS + 30 * 365 * 86_400,
  },
  rsaSigner,
);
const root = readCaCertificate(ROOT_DER);

const leaf = (key: KeyObject, keyType: 'p256' | 'rsa', names: readonly string[]): Buffer => {
  const tbs = leafTbs({
    serial: serial(2),
    spiffeId: parseSpiffeId('spiffe://example.org/payments/api'),
    subject: names.length === 0 ? {} : { organization: 'example.org', commonName: 'api' },
    dnsNames: names,
    ipAddresses: names.length === 0 ? [] : ['10.0.0.1', '2001:db8::1'],
    notBefore: NOW_SECONDS - 10,
    notAfter: NOW_SECONDS + 3600,
    spki: spkiOf(key),
    keyType,
    issuer: { nameDer: root.subjectName, keyId: root.subjectKeyId, algorithm: 'RS256' },
  });
  return assembleCertificate(tbs, 'RS256', rsaSigner.sign(tbs));
};

export const LEAVES: readonly Buffer[] = [
  leaf(EC_KEY, 'p256', []),
  leaf(RSA_KEY, 'rsa', ['api.example.org', '*.example.org']),
];

const base64url = (value: Uint8Array | string): string => Buffer.from(value).toString('base64url');

/** A compact JWS over whatever bytes it is given, signed as the header says, if it says so in a way that is known. */
export const signedToken = (header: string, payload: string): string => {
  const input = `${base64url(header)}.${base64url(payload)}`;
  const signature = header.includes('"RS256"')
    ? sign('sha256', Buffer.from(input), RSA_KEY)
    : sign('sha256', Buffer.from(input), { key: EC_KEY, dsaEncoding: 'ieee-p1363' });
  return `${input}.${base64url(signature)}`;
};
