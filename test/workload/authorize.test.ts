import { parseSpiffeId, trustDomainOf } from '../../src/domain/spiffe-id.ts';
import { exactly, memberOf, oneOf, type Peer } from '../../src/workload/authorize.ts';

const peer = (id: string): Peer => {
  const spiffeId = parseSpiffeId(id);
  return { spiffeId, trustDomain: trustDomainOf(spiffeId), serial: '0', sha256: '0', notAfter: 0 };
};
const api = peer('spiffe://example.org/api');

describe('authorizers', () => {
  test('exactly one', () => {
    const authorize = exactly('spiffe://EXAMPLE.org/api');
    expect(authorize(api)).toBe(true);
    expect(
      ['spiffe://example.org/api/v2', 'spiffe://example.org/API', 'spiffe://example.com/api'].map(peer).some(authorize),
    ).toBe(false);
  });

  test('one of several', () => {
    const authorize = oneOf('spiffe://example.org/web', 'spiffe://example.org/api');
    expect(authorize(api)).toBe(true);
    expect(authorize(peer('spiffe://example.org/db'))).toBe(false);
    expect(oneOf()(api)).toBe(false);
  });

  test('all of a trust domain', () => {
    expect(memberOf('example.org')(api)).toBe(true);
    expect(
      ['spiffe://a.example.org/api', 'spiffe://example.org.evil/api'].map(peer).some(memberOf('example.org')),
    ).toBe(false);
  });

  test.each(['', 'example.org/api', 'spiffe://example.org/api/', 'spiffe://example.org/*'])(
    '"%s" is no identity',
    (id) => {
      expect(() => exactly(id)).toThrow(TypeError);
      expect(() => oneOf(id)).toThrow(TypeError);
    },
  );

  test.each(['', 'spiffe://example.org', '*'])('"%s" is no trust domain', (name) => {
    expect(() => memberOf(name)).toThrow(TypeError);
  });
});
