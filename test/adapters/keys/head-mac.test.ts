import { headAuthenticator } from '../../../src/adapters/keys/head-mac.ts';
import type { SpiffeId } from '../../../src/domain/spiffe-id.ts';
import type { TrustDomain } from '../../../src/domain/trust-domain.ts';

const sealKey = new Uint8Array(32).fill(7);
const domain = 'example.org' as TrustDomain;
const heads = headAuthenticator(sealKey, domain);
const head = {
  logId: 'ab'.repeat(16),
  epoch: 2,
  size: 41,
  root: '0c'.repeat(32),
  agent: 'spiffe://example.org/mayfly/agent/join_token/a' as SpiffeId,
};
const signed = heads.sign(head);

// DEC-11
test('a head is known again, also by another process with the same seal key', () => {
  expect(heads.isOurs(signed)).toBe(true);
  expect(headAuthenticator(Uint8Array.from(sealKey), domain).isOurs(signed)).toBe(true);
});

test.each([
  ['another size', { size: 42 }],
  ['another epoch', { epoch: 3 }],
  ['another root', { root: '0d'.repeat(32) }],
  ['another log', { logId: 'cd'.repeat(16) }],
  ['another agent', { agent: 'spiffe://example.org/mayfly/agent/join_token/b' as SpiffeId }],
  ['another mac', { mac: '00'.repeat(32) }],
  ['a short mac', { mac: signed.mac.slice(2) }],
  ['no mac', { mac: '' }],
])('nobody can invent one: %s', (_what, change) => {
  expect(heads.isOurs({ ...signed, ...change })).toBe(false);
});

test.each([
  ['another seal key', headAuthenticator(new Uint8Array(32).fill(8), domain)],
  ['another trust domain', headAuthenticator(sealKey, 'example.com' as TrustDomain)],
])('under %s it is not ours', (_what, others) => {
  expect(others.isOurs(signed)).toBe(false);
});
