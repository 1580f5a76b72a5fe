import { createHmac, generateKeyPairSync, sign } from 'node:crypto';

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const decode = (part: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;

/** Tokens that are not good, made of one that is. */
export const forgeries = (token: string, publicKeyOfIssuer: string): Readonly<Record<string, string>> => {
  const [head = '', body = '', signature = ''] = token.split('.');
  const [header, claims] = [decode(head), decode(body)];
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const signed = (header: object, claims: object): string => {
    const content = `${encode(header)}.${encode(claims)}`;
    const made = sign('sha256', Buffer.from(content), { key: stranger, dsaEncoding: 'ieee-p1363' });
    return `${content}.${made.toString('base64url')}`;
  };
  const flipped = Buffer.from(signature, 'base64url');
  flipped[10] = (flipped[10] ?? 0) ^ 1;
  const symmetric = `${encode({ ...header, alg: 'HS256' })}.${body}`;
  const hmac = createHmac('sha256', Buffer.from(publicKeyOfIssuer, 'base64')).update(symmetric).digest('base64url');
  return {
    'a changed subject': `${head}.${encode({ ...claims, sub: `${String(claims['sub'])}/more` })}.${signature}`,
    'a changed signature': `${head}.${body}.${flipped.toString('base64url')}`,
    'no algorithm': `${encode({ ...header, alg: 'none' })}.${body}.`,
    'a public key as HMAC secret': `${symmetric}.${hmac}`,
    'another key under the same name': signed(header, claims),
    'a key nobody knows': signed({ ...header, kid: 'nobody-knows' }, claims),
    'a foreign trust domain': signed(header, { ...claims, sub: 'spiffe://foreign.test/somebody' }),
  };
};
