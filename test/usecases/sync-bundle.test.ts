import type { Authority } from '../../src/domain/authority.ts';
import { readCertificate } from '../../src/formats/certificate.ts';
import { bootstrapAuthorities } from '../../src/usecases/rotate-authorities.ts';
import { syncBundle } from '../../src/usecases/sync-bundle.ts';
import { openTestAuthorities, TRUST_DOMAIN, type TestAuthorities } from '../support/authorities.ts';

let world: TestAuthorities;
let all: readonly Authority[];
beforeAll(async () => {
  world = await openTestAuthorities();
  await bootstrapAuthorities(world.keeper);
  all = world.views.authorities.list();
});
afterAll(() => world.close());

const one = (purpose: Authority['purpose'], state: Authority['state'] = 'active'): Authority => {
  const found = all.find((each) => each.purpose === purpose && each.state === state);
  if (!found) throw new Error(`there is no ${state} ${purpose}`);
  return found;
};

/** All authorities, one of them otherwise. */
const having = (changed: Authority, changes: Partial<Authority>): readonly Authority[] =>
  all.map((each) => (each.id === changed.id ? { ...each, ...changes } : each));

const keyIdOf = ({ certificate = '' }: Authority): string =>
  Buffer.from(readCertificate(Buffer.from(certificate, 'base64')).subjectKeyId ?? []).toString('hex');

const told = (authorities: readonly Authority[]) => syncBundle(TRUST_DOMAIN, authorities, 7);

test('prepared authorities are in the bundle, and nothing is tainted', () => {
  // DEC-22
  const { bundle, tainted } = told(all);
  expect(bundle).toMatchObject({ trustDomain: TRUST_DOMAIN, sequence: 7 });
  expect(bundle.x509Authorities).toEqual([one('x509-root').certificate, one('x509-root', 'prepared').certificate]);
  expect(bundle.jwtKeys.map(({ kid }) => kid)).toEqual([one('jwt-svid').id, one('jwt-svid', 'prepared').id]);
  expect(tainted).toEqual([]);
});

test('keys of access tokens are no part of it', () => {
  expect(JSON.stringify(told(having(one('access-token'), { tainted: true })))).not.toContain(one('access-token').id);
});

test.each([
  ['a tainted issuing CA', () => having(one('x509-issuing'), { tainted: true })],
  ['one that is revoked', () => having(one('x509-issuing'), { state: 'revoked' })],
  ['one whose root is tainted', () => having(one('x509-root'), { tainted: true })],
  ['one whose root is revoked', () => having(one('x509-root'), { state: 'revoked' })],
])('%s is named by the key identifier that its leaves carry', (_what, authorities) => {
  expect(told(authorities()).tainted).toEqual([keyIdOf(one('x509-issuing'))]);
});

test('a revoked root is out of the bundle', () => {
  const { bundle } = told(having(one('x509-root'), { state: 'revoked' }));
  expect(bundle.x509Authorities).toEqual([one('x509-root', 'prepared').certificate]);
});

test.each([
  ['tainted', { tainted: true }],
  ['revoked', { state: 'revoked' }],
] as const)('a %s JWT key is named by its kid', (_what, changes) => {
  expect(told(having(one('jwt-svid'), changes)).tainted).toEqual([one('jwt-svid').id]);
});
