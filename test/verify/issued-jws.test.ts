import { hash } from 'node:crypto';
import { checkIssuedJws, type JwsExpectation } from '../../src/verify/issued-jws.ts';
import { signCompact, testKey, type TestKey } from '../support/jwt-keys.ts';

const KEYS = ['ES256', 'ES384', 'RS256'].map(testKey);
const [key] = KEYS as [TestKey, ...TestKey[]];
const stranger = testKey('ES256');

const CLAIMS = { sub: 'spiffe://example.org/web', jti: '01a3185c500000112233445566778899', exp: 1_800_000_300 };
const headerOf = ({ alg, kid }: TestKey) => ({ alg, kid, typ: 'JWT' });

const digestOf = (token: string): string => hash('sha256', token.slice(0, token.lastIndexOf('.')), 'hex');

/** What an honest issuer has on record for a token, whatever the token says. */
const recorded = (token: string, by = key): JwsExpectation => ({
  algorithm: by.alg,
  keyId: by.kid,
  typ: 'JWT',
  publicKey: by.publicKey,
  digest: digestOf(token),
  subject: CLAIMS.sub,
  jti: CLAIMS.jti,
  expiresAt: CLAIMS.exp,
});

const honest = signCompact(key, headerOf(key), CLAIMS);
const [headerPart, payloadPart, signaturePart] = honest.split('.') as [string, string, string];

/** What the check says, having made sure that nothing of the token is in it. */
const complaint = (token: string, expected: JwsExpectation): string | undefined => {
  try {
    checkIssuedJws(token, expected);
  } catch (error) {
    const { message } = error as Error;
    const parts = token.split('.').filter((part) => part !== '');
    const secrets = parts.flatMap((part) => [part, Buffer.from(part, 'base64url').toString('utf8').slice(0, 8)]);
    for (const secret of secrets) expect(message).not.toContain(secret);
    return message;
  }
  return undefined;
};

const differs = (part: string): string => `the token that was signed differs from the intent: ${part}`;

const withHeader = (over: object) => signCompact(key, { ...headerOf(key), ...over }, CLAIMS);
const withClaims = (over: object) => signCompact(key, headerOf(key), { ...CLAIMS, ...over });

// DEC-3
describe('a token of ours is read back before it is released', () => {
  test.each(KEYS.map((each) => [each.alg, each] as const))(
    'and passes with %s when it is what was decided',
    (_, by) => {
      const token = signCompact(by, headerOf(by), CLAIMS);
      expect(complaint(token, recorded(token, by))).toBeUndefined();
    },
  );

  test('and other claims are those on record: the digest holds them', () => {
    const token = withClaims({ aud: 'a' });
    expect(complaint(token, recorded(token))).toBeUndefined();
    expect(complaint(token, recorded(honest))).toBe(differs('digest'));
  });

  // Signed by the right key, and on record as it is: only the part named differs from what was decided.
  test.each([
    ['another algorithm', 'key', withHeader({ alg: 'RS256' })],
    ['no algorithm', 'key', withHeader({ alg: undefined })],
    ['alg none', 'key', withHeader({ alg: 'none' })],
    ['another key id', 'key', withHeader({ kid: stranger.kid })],
    ['no key id', 'key', withHeader({ kid: undefined })],
    ['another type', 'header', withHeader({ typ: 'at+jwt' })],
    ['a type of another case', 'header', withHeader({ typ: 'jwt' })],
    ['no type', 'header', withHeader({ typ: undefined })],
    ['one member more in its header', 'header', withHeader({ jku: 'https://evil.example/' })],
    ['another subject', 'subject', withClaims({ sub: 'spiffe://example.org/db' })],
    ['a subject in an array', 'subject', withClaims({ sub: [CLAIMS.sub] })],
    ['no subject', 'subject', withClaims({ sub: undefined })],
    ['another id', 'subject', withClaims({ jti: '0'.repeat(32) })],
    ['no id', 'subject', withClaims({ jti: undefined })],
    ['a later end', 'expiry', withClaims({ exp: CLAIMS.exp + 1 })],
    ['an earlier end', 'expiry', withClaims({ exp: CLAIMS.exp - 1 })],
    ['an end as text', 'expiry', withClaims({ exp: String(CLAIMS.exp) })],
    ['no end', 'expiry', withClaims({ exp: undefined })],
    ['a header that is no JSON', 'header', signCompact(key, 'header of text', CLAIMS)],
    ['a header that is null', 'header', signCompact(key, 'null', CLAIMS)],
    ['claims that are no JSON', 'claims', signCompact(key, headerOf(key), 'claims of text')],
    ['claims that are null', 'claims', signCompact(key, headerOf(key), 'null')],
    ['the signature of another key', 'signature', signCompact(stranger, headerOf(key), CLAIMS)],
  ])('and is kept for %s', (_, part, token) => {
    expect(complaint(token, recorded(token))).toBe(differs(part));
  });

  test.each(KEYS.map((each) => [each.alg, each] as const))(
    'and is kept when one bit of a %s signature is wrong',
    (_, by) => {
      const token = signCompact(by, headerOf(by), CLAIMS);
      const [header, payload, signed] = token.split('.') as [string, string, string];
      const signature = Buffer.from(signed, 'base64url');
      signature[40] = (signature[40] ?? 0) ^ 1;
      const spoiled = `${header}.${payload}.${signature.toString('base64url')}`;
      expect(complaint(spoiled, recorded(token, by))).toBe(differs('signature'));
    },
  );

  test.each([
    ['cut off', Buffer.from(signaturePart, 'base64url').subarray(1)],
    ['too long', Buffer.concat([Buffer.from(signaturePart, 'base64url'), Buffer.alloc(1)])],
    ['in DER', Buffer.from('3006020101020101', 'hex')],
    ['of another curve', Buffer.alloc(96, 1)],
  ])('and is kept when its signature is %s', (_, signature) => {
    const token = `${headerPart}.${payloadPart}.${signature.toString('base64url')}`;
    expect(complaint(token, recorded(token))).toBe(differs('signature'));
  });

  // RFC 7515 §2 and §7.1: three parts, base64url without padding. Verifiers refuse anything else.
  test.each([
    ['padding', `${honest}==`],
    ['a line break at the end', `${honest}\n`],
    ['a letter of plain base64', honest.replace(/.$/, '+')],
    ['no signature', `${headerPart}.${payloadPart}.`],
    ['two parts', `${headerPart}.${payloadPart}`],
    ['four parts', `${headerPart}.${payloadPart}.${payloadPart}.${signaturePart}`],
    ['padding inside', `${headerPart}=.${payloadPart}.${signaturePart}`],
    ['nothing', ''],
  ])('and is kept for its form: %s', (_, token) => {
    expect(complaint(token, recorded(token))).toBe(differs('form'));
  });

  test.each([
    ['the digest', 'digest', { digest: 'a'.repeat(64) }],
    ['the digest in upper case', 'digest', { digest: digestOf(honest).toUpperCase() }],
    ['the algorithm', 'key', { algorithm: 'ES384' }],
    ['the key id', 'key', { keyId: stranger.kid }],
    ['the type', 'header', { typ: 'at+jwt' }],
    ['the subject', 'subject', { subject: 'spiffe://example.org/db' }],
    ['the id', 'subject', { jti: '0'.repeat(32) }],
    ['the end', 'expiry', { expiresAt: CLAIMS.exp + 1 }],
    ['the public key', 'signature', { publicKey: stranger.publicKey }],
  ])('and is kept when %s on record is another', (_, part, over) => {
    expect(complaint(honest, { ...recorded(honest), ...over })).toBe(differs(part));
  });
});
