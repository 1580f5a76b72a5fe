import { hash, type KeyObject, verify } from 'node:crypto';
import { ecdsaP1363ToDer } from '../formats/ecdsa-signature.ts';

/** What a token that we are about to hand out must say. */
export interface JwsExpectation {
  readonly algorithm: string;
  readonly keyId: string;
  readonly typ: string;
  readonly publicKey: KeyObject;
  /** SHA-256 of the signing input that is on record, hexadecimal. */
  readonly digest: string;
  readonly subject: string;
  readonly jti: string;
  /** Unix seconds. */
  readonly expiresAt: number;
}

/** Three parts of base64url without padding (RFC 7515 §2, §7.1). Decoding is lenient, verifiers are not. */
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** The members of an object, or nothing: what the parser says of a bad one would quote the token. */
const membersOf = (part: string): Record<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
};

interface Header {
  readonly part: string;
  readonly alg: unknown;
  readonly kid: unknown;
  readonly typ: unknown;
  /** How many members it has. */
  readonly size: number;
}

/** The last one that was read: tokens of one key have the same. */
let lastHeader: Header | undefined;

const headerOf = (part: string): Header | undefined => {
  if (lastHeader?.part === part) return lastHeader;
  const members = membersOf(part);
  if (members === undefined) return undefined;
  const { alg, kid, typ } = members;
  lastHeader = { part, alg, kid, typ, size: Object.keys(members).length };
  return lastHeader;
};

const isSigned = (input: string, signature: Buffer, expected: JwsExpectation): boolean => {
  const bytes = Buffer.from(input, 'ascii');
  if (expected.algorithm === 'RS256') return verify('sha256', bytes, expected.publicKey, signature);
  // A bare key is much cheaper than one with `dsaEncoding` beside it, so the signature changes its form instead.
  const [digest, curve, length] =
    expected.algorithm === 'ES384' ? (['sha384', 'p384', 96] as const) : (['sha256', 'p256', 64] as const);
  return signature.length === length && verify(digest, bytes, expected.publicKey, ecdsaP1363ToDer(signature, curve));
};

/**
 * Reads a token of ours back before it is released: the bytes signed are the bytes on record, header and claims say what
 * was decided, and the signature verifies (DEC-3). It shares nothing with the writer. A mismatch is a bug and throws a
 * plain Error that names the part, never the token.
 */
export const checkIssuedJws = (token: string, expected: JwsExpectation): void => {
  const mismatch = (part: string): never => {
    throw new Error(`the token that was signed differs from the intent: ${part}`);
  };
  if (!COMPACT.test(token)) mismatch('form');
  const dot = token.lastIndexOf('.');
  const input = token.slice(0, dot);
  if (hash('sha256', input, 'hex') !== expected.digest) mismatch('digest');
  const [headerPart = '', payloadPart = ''] = input.split('.');
  const header = headerOf(headerPart) ?? mismatch('header');
  if (header.alg !== expected.algorithm || header.kid !== expected.keyId) mismatch('key');
  if (header.typ !== expected.typ || header.size !== 3) mismatch('header');
  const claims = membersOf(payloadPart) ?? mismatch('claims');
  if (claims['sub'] !== expected.subject || claims['jti'] !== expected.jti) mismatch('subject');
  if (claims['exp'] !== expected.expiresAt) mismatch('expiry');
  if (!isSigned(input, Buffer.from(token.slice(dot + 1), 'base64url'), expected)) mismatch('signature');
};
