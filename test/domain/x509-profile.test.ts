import { parseSpiffeId } from '../../src/domain/spiffe-id.ts';
import {
  commonNameProblem,
  MIN_TRIAL_X509_TTL_SECONDS,
  planX509Leaf,
  x509Subject,
  x509TtlProblem,
} from '../../src/domain/x509-profile.ts';
import type { X509LeafRequest } from '../../src/domain/x509-profile.ts';
import { newSerial, NOW, NOW_INSTANT } from '../support/x509.ts';

const request = (changes: Partial<X509LeafRequest> = {}): X509LeafRequest => ({
  now: NOW_INSTANT,
  serial: newSerial(),
  spiffeId: parseSpiffeId('spiffe://example.org/api'),
  spki: Buffer.of(0x30, 0),
  keyType: 'p256',
  issuer: {
    nameDer: Buffer.of(0x30, 0),
    keyId: Buffer.of(1),
    algorithm: 'ES256',
    notBefore: NOW - 3600,
    notAfter: NOW + 600_000,
  },
  ...changes,
});

const withIssuer = (notBefore: number, notAfter: number) => ({ ...request().issuer, notBefore, notAfter });

describe('validity', () => {
  // X509-18
  test('begins a little in the past and lasts for the TTL', () => {
    const { notBefore, notAfter } = planX509Leaf(request({ ttl: 900 }));
    expect([notBefore - NOW, notAfter - NOW]).toEqual([-10, 900]);
  });

  test('lasts an hour by default', () => {
    expect(planX509Leaf(request()).notAfter - NOW).toBe(3600);
  });

  test('begins where the operator says', () => {
    expect(planX509Leaf(request({ backdate: 60 })).notBefore - NOW).toBe(-60);
  });

  // X509-18
  test('stays inside the validity of the issuer', () => {
    const { notBefore, notAfter } = planX509Leaf(request({ issuer: withIssuer(NOW - 3, NOW + 120) }));
    expect([notBefore - NOW, notAfter - NOW]).toEqual([-3, 120]);
  });

  test.each([
    ['expired', NOW - 100, NOW],
    ['not valid yet', NOW + 1, NOW + 100],
  ])('an issuer that is %s signs nothing', (_, notBefore, notAfter) => {
    expect(() => planX509Leaf(request({ issuer: withIssuer(notBefore, notAfter) }))).toThrow(
      expect.objectContaining({ code: 'unavailable' }),
    );
  });

  test.each([299, 86_401, 0, -300, 300.5, Number.NaN, Number.POSITIVE_INFINITY])('a TTL of %d is refused', (ttl) => {
    expect(() => planX509Leaf(request({ ttl }))).toThrow(
      expect.objectContaining({ code: 'invalid_entry', field: 'x509Ttl' }),
    );
  });

  test('the least TTL is lower where rotation is tried out', () => {
    expect(x509TtlProblem(10, MIN_TRIAL_X509_TTL_SECONDS)).toBeUndefined();
    expect(x509TtlProblem(9, MIN_TRIAL_X509_TTL_SECONDS)).toBe('the TTL of an X.509-SVID is 10 to 86400 seconds');
  });

  test.each([300, 86_400])('a TTL of %d is allowed', (ttl) => {
    expect(x509TtlProblem(ttl)).toBeUndefined();
  });
});

describe('names', () => {
  // X509-10
  test('an ID without path is refused', () => {
    expect(() => planX509Leaf(request({ spiffeId: parseSpiffeId('spiffe://example.org') }))).toThrow(
      expect.objectContaining({ code: 'invalid_entry', field: 'spiffeId' }),
    );
  });

  // DEC-25
  test.each([
    [64, true],
    [65, false],
  ])('a trust domain of %d bytes as organization: %s', (length, isThere) => {
    const subject = x509Subject(parseSpiffeId(`spiffe://${'a'.repeat(length)}/x`));
    expect('organization' in subject).toBe(isThere);
  });

  test('the common name stands beside the organization', () => {
    expect(x509Subject(parseSpiffeId('spiffe://example.org/db'), 'db.example.org')).toEqual({
      organization: 'example.org',
      commonName: 'db.example.org',
    });
  });

  test.each(['', 'a'.repeat(65), 'a\nb', 'a\0', '\u202Ex', '\uD800'])('the common name %j is refused', (commonName) => {
    expect(() => planX509Leaf(request({ commonName }))).toThrow(
      expect.objectContaining({ code: 'invalid_entry', field: 'commonName' }),
    );
  });

  test.each(['a', 'a'.repeat(64), 'Bücher & Söhne', 'db_1.example.org'])('the common name %j is allowed', (name) => {
    expect(commonNameProblem(name)).toBeUndefined();
  });
});
