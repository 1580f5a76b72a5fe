import { Refusal } from '../../src/domain/refusal.ts';
import { parseOperatorTrustDomain, parseTrustDomain } from '../../src/domain/trust-domain.ts';

describe('parseTrustDomain', () => {
  // ID-3, ID-5
  test.each(['td', 'example.org', '1.2.3.4', 'a..b', '.a', 'a.', '-a', '_', 'a'.repeat(255)])('accepts %s', (name) => {
    expect(parseTrustDomain(name)).toBe(name);
  });

  // ID-2, ID-3, ID-4, ID-12
  test.each([
    '',
    'TD',
    'a/b',
    'spiffe://td',
    'td:80',
    'u@td',
    't%41',
    'tüd',
    'td ',
    ' td',
    '[::1]',
    'td\n',
    'a'.repeat(256),
  ])('refuses %j', (name) => {
    expect(() => parseTrustDomain(name, { field: 'trustDomain' })).toThrow(
      expect.objectContaining({ code: 'invalid_request', field: 'trustDomain' }),
    );
  });
});

describe('parseOperatorTrustDomain', () => {
  // ID-15
  test('folds ASCII upper case', () => {
    expect(parseOperatorTrustDomain('Example.ORG')).toBe('example.org');
  });

  test.each(['\u212a', 'É', 'A/B', 'T D', ''])('repairs nothing else: %j', (name) => {
    expect(() => parseOperatorTrustDomain(name)).toThrow(Refusal);
  });
});
