import { instant } from '../../src/domain/instant.ts';
import {
  audienceProblem,
  checkAudiences,
  jwtSvidTtlProblem,
  planJwtSvid,
  type JwtSvidRequest,
} from '../../src/domain/jwt-profile.ts';
import { parseRecordId } from '../../src/domain/record-id.ts';
import { Refusal } from '../../src/domain/refusal.ts';
import { parseSpiffeId } from '../../src/domain/spiffe-id.ts';

const request: JwtSvidRequest = {
  spiffeId: parseSpiffeId('spiffe://example.org/db'),
  audiences: ['https://api.example.org'],
  jti: parseRecordId('018bcfe5680000000000000000000001'),
  now: instant(1_700_000_000_999),
  ttl: 300,
  keyNotAfter: 1_800_000_000,
};

describe('planJwtSvid', () => {
  // JWT-10, JWT-11, JWT-13, JWT-15
  test('has whole seconds, an array of audiences, and iat never ahead of time', () => {
    expect(planJwtSvid(request)).toEqual({
      sub: 'spiffe://example.org/db',
      aud: ['https://api.example.org'],
      iat: 1_700_000_000,
      exp: 1_700_000_300,
      jti: '018bcfe5680000000000000000000001',
    });
  });

  // DEC-29
  test('names the issuer when there is one', () => {
    expect(planJwtSvid({ ...request, issuer: 'https://id.example.org' }).iss).toBe('https://id.example.org');
  });

  test('never outlives its key', () => {
    expect(planJwtSvid({ ...request, keyNotAfter: 1_700_000_010 }).exp).toBe(1_700_000_010);
    expect(() => planJwtSvid({ ...request, keyNotAfter: 1_700_000_000 })).toThrow(
      expect.objectContaining({ code: 'unavailable' }),
    );
  });

  // JWT-24
  test('refuses the ID of a trust domain', () => {
    expect(() => planJwtSvid({ ...request, spiffeId: parseSpiffeId('spiffe://example.org') })).toThrow(Refusal);
  });

  test.each([0, -1, 29, 86_401, 1.5, Number.NaN, Infinity])('a TTL of %s is a bug', (ttl) => {
    expect(() => planJwtSvid({ ...request, ttl })).toThrow(RangeError);
  });

  test.each([
    [30, true],
    [300, true],
    [86_400, true],
    [29, false],
    [86_401, false],
    [60.5, false],
  ])('a TTL of %s is allowed: %s', (ttl, allowed) => {
    expect(jwtSvidTtlProblem(ttl) === undefined).toBe(allowed);
  });
});

describe('checkAudiences', () => {
  // JWT-16
  test('takes 1 to 32 and keeps their order', () => {
    const audiences = Array.from({ length: 32 }, (_, at) => `a${32 - at}`);
    expect(checkAudiences(audiences)).toEqual(audiences);
  });

  test.each<[string, readonly string[]]>([
    ['none', []],
    ['33', Array.from({ length: 33 }, (_, at) => `a${at}`)],
    ['an empty one', ['a', '']],
    ['one twice', ['a', 'b', 'a']],
    ['a control character', ['a\nb']],
    ['a C1 control character', ['a\u0085']],
    ['half of a surrogate pair', ['\ud800']],
    ['one of 2049 bytes', ['é'.repeat(1025)]],
    ['more than 6 KiB together', Array.from({ length: 4 }, (_, at) => `${at}${'a'.repeat(2000)}`)],
  ])('refuses %s', (_what, audiences) => {
    expect(() => checkAudiences(audiences)).toThrow(
      expect.objectContaining({ code: 'invalid_request', field: 'audience' }),
    );
    expect(() => planJwtSvid({ ...request, audiences })).toThrow(Refusal);
  });

  test('any URI, SPIFFE ID or name is an audience', () => {
    for (const audience of [
      'https://api.example.org/x?y=z',
      'spiffe://td/a',
      'api',
      'name with space',
      'é',
      'a'.repeat(2048),
    ]) {
      expect(audienceProblem(audience)).toBeUndefined();
    }
  });
});
