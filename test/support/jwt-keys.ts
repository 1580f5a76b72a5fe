import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { jwkThumbprint, publicJwk } from '../../src/formats/jwk.ts';
import type { VerificationKey } from '../../src/formats/jwk-import.ts';

/** A key pair of a test, as its issuer and its verifiers see it. */
export interface TestKey {
  readonly alg: string;
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly verification: VerificationKey;
}

const CURVES: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };

const generate = (alg: string): { publicKey: KeyObject; privateKey: KeyObject } => {
  const namedCurve = CURVES[alg];
  if (namedCurve !== undefined) return generateKeyPairSync('ec', { namedCurve });
  if (alg === 'EdDSA' || alg === 'Ed25519') return generateKeyPairSync('ed25519');
  return generateKeyPairSync('rsa', { modulusLength: 2048 });
};

export const testKey = (alg: string): TestKey => {
  const { publicKey, privateKey } = generate(alg);
  const jwk = publicJwk(publicKey);
  const kid = jwkThumbprint(jwk);
  return { alg, kid, privateKey, publicKey, verification: { key: publicKey, jwk, kid } };
};

const encode = (value: unknown): string =>
  (typeof value === 'string' ? Buffer.from(value) : Buffer.from(JSON.stringify(value))).toString('base64url');

/** Signs whatever it is given, with node:crypto alone: a second opinion on what we write, and a maker of bad tokens. */
export const signCompact = (key: TestKey, header: unknown, payload: unknown): string => {
  const input = `${encode(header)}.${encode(payload)}`;
  const hash = /^(ES|RS|PS)/.test(key.alg) ? `sha${key.alg.slice(2)}` : null;
  const signature = sign(hash, Buffer.from(input), {
    key: key.privateKey,
    dsaEncoding: 'ieee-p1363',
    ...(key.alg.startsWith('PS') && { padding: 6, saltLength: Number(key.alg.slice(2)) / 8 }),
  });
  return `${input}.${signature.toString('base64url')}`;
};

/** With the header that an honest issuer writes. */
export const signToken = (key: TestKey, typ: string, payload: unknown): string =>
  signCompact(key, { alg: key.alg, kid: key.kid, typ }, payload);
