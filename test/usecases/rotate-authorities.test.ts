import { X509Certificate } from 'node:crypto';
import type { Authority, AuthorityPurpose } from '../../src/domain/authority.ts';
import { readCaCertificate } from '../../src/formats/ca-certificate.ts';
import type { KeyStore } from '../../src/ports/keys.ts';
import { bootstrapAuthorities, rotateAuthorities } from '../../src/usecases/rotate-authorities.ts';
import { DAY_MS, HOUR_MS, openTestAuthorities, type TestAuthorities } from '../support/authorities.ts';

let world: TestAuthorities;
beforeEach(async () => {
  world = await openTestAuthorities();
});
afterEach(() => world.close());

const stateOf = ({ purpose, generation, state }: Authority): string => `${purpose} ${generation} ${state}`;
const states = (): string[] => world.views.authorities.list().map(stateOf).toSorted();
const certificateOf = (purpose: AuthorityPurpose, state: string): X509Certificate => {
  const found = world.views.authorities.list(purpose).find((each) => each.state === state);
  return new X509Certificate(Buffer.from(found?.certificate ?? '', 'base64'));
};

const FRESH = [
  'access-token 1 active',
  'access-token 2 prepared',
  'jwt-svid 1 active',
  'jwt-svid 2 prepared',
  'x509-issuing 1 active',
  'x509-root 1 active',
  'x509-root 2 prepared',
];

describe('bootstrapAuthorities', () => {
  test('a fresh trust domain gets its authorities and spares, each step a fact (DEC-22)', async () => {
    const before = world.views.log.head().size;
    const steps = await bootstrapAuthorities(world.keeper);
    expect(states()).toEqual(FRESH);
    expect(world.views.log.head().size - before).toBe(steps.length);
    expect(steps).toHaveLength(11);
    expect(await bootstrapAuthorities(world.keeper)).toEqual([]);
  });

  // X509-30 … X509-33, X509-38, DEC-25
  test('node:crypto agrees: issuing CA under root, own names, own key identifiers', async () => {
    await bootstrapAuthorities(world.keeper);
    const root = certificateOf('x509-root', 'active');
    const issuing = certificateOf('x509-issuing', 'active');
    expect([root.ca, issuing.ca]).toEqual([true, true]);
    expect(root.verify(root.publicKey) && issuing.verify(root.publicKey) && issuing.checkIssued(root)).toBe(true);
    expect([root.subjectAltName, issuing.subjectAltName]).toEqual([
      'URI:spiffe://example.org',
      'URI:spiffe://example.org',
    ]);
    const spare = certificateOf('x509-root', 'prepared');
    expect(new Set([root.subject, issuing.subject, spare.subject]).size).toBe(3);
    expect(new Set([root, issuing, spare].map(({ serialNumber }) => serialNumber)).size).toBe(3);
  });

  test('no private key lies in the ledger in clear', async () => {
    await bootstrapAuthorities(world.keeper);
    for (const authority of world.views.authorities.list()) {
      expect(authority.key.kind).toBe('sealed');
      expect(JSON.stringify(authority)).toContain('mayfly-sealed-1.');
    }
  });

  test('two servers at once: one set of authorities', async () => {
    const other = world.open.connect();
    const second = { ...world.keeper, ledger: other.ledger, views: other.views };
    await Promise.all([bootstrapAuthorities(world.keeper), bootstrapAuthorities(second)]);
    other.close();
    const active = states().filter((text) => text.endsWith('active'));
    expect(active.map((text) => text.split(' ')[0])).toEqual(['access-token', 'jwt-svid', 'x509-issuing', 'x509-root']);
    await rotateAuthorities(world.keeper);
    expect(states()).toEqual(FRESH);
  });
});

describe('rotateAuthorities', () => {
  test('a week later everything but the root has moved on, and old keys stay as long as they are needed', async () => {
    await bootstrapAuthorities(world.keeper);
    world.clock.advance(6 * DAY_MS);
    await rotateAuthorities(world.keeper);
    expect(states()).toEqual([
      'access-token 1 old',
      'access-token 2 active',
      'access-token 3 prepared',
      'jwt-svid 1 old',
      'jwt-svid 2 active',
      'jwt-svid 3 prepared',
      'x509-issuing 1 old',
      'x509-issuing 2 active',
      'x509-root 1 active',
      'x509-root 2 prepared',
    ]);
    world.clock.advance(2 * HOUR_MS);
    await rotateAuthorities(world.keeper);
    expect(states()).not.toContain('access-token 1 old');
    expect(states()).toContain('jwt-svid 1 old');
    world.clock.advance(DAY_MS);
    await rotateAuthorities(world.keeper);
    expect(states().filter((text) => text.includes('old'))).toEqual([]);
  });

  test('a year later the spare root signs, and its issuing CA never outlives it', async () => {
    await bootstrapAuthorities(world.keeper);
    world.clock.advance(305 * DAY_MS);
    await rotateAuthorities(world.keeper);
    const issuing = certificateOf('x509-issuing', 'active');
    const root = certificateOf('x509-root', 'active');
    expect(issuing.verify(root.publicKey)).toBe(true);
    expect(Date.parse(issuing.validTo)).toBeLessThanOrEqual(Date.parse(root.validTo));
    expect(states()).toContain('x509-root 3 prepared');
  });

  test('a root whose key does not open stops CAs, but not JWT keys, and is reported', async () => {
    await bootstrapAuthorities(world.keeper);
    world.clock.advance(6 * DAY_MS);
    const broken: KeyStore = {
      ...world.keeper.keyStore,
      open: () => Promise.reject(new Error('the key does not open')),
    };
    await expect(rotateAuthorities({ ...world.keeper, keyStore: broken })).rejects.toThrow('does not open');
    expect(states()).toContain('jwt-svid 2 active');
    expect(states()).not.toContain('x509-issuing 2 active');
    expect((await rotateAuthorities(world.keeper)).length).toBeGreaterThan(0);
    expect(states()).toContain('x509-issuing 2 active');
  });
});

describe('OpenSigningKeys', () => {
  test('refuses before the first authorities are there', async () => {
    await expect(world.keys.issuing()).rejects.toMatchObject({ code: 'unavailable' });
    await expect(world.keys.jwt('jwt-svid')).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('gives the active ones, opened once, and follows a rotation', async () => {
    await bootstrapAuthorities(world.keeper);
    const ca = await world.keys.issuing();
    expect(ca.authority.state).toBe('active');
    expect(ca.chain).toEqual([ca.certificate]);
    expect(Buffer.from(ca.subjectDer)).toEqual(Buffer.from(readCaCertificate(ca.certificate).subjectName));
    expect(world.keys.issuing()).toBe(world.keys.issuing());
    const token = await world.keys.jwt('access-token');
    expect((await world.keys.jwt('jwt-svid')).authority.id).not.toBe(token.authority.id);
    await expect(world.keys.jwt('jwt-svid', 'RS256')).rejects.toMatchObject({ code: 'unavailable' });
    world.clock.advance(6 * DAY_MS);
    await rotateAuthorities(world.keeper);
    const next = await world.keys.issuing();
    expect(next.authority.generation).toBe(2);
    expect((await world.keys.jwt('access-token')).authority.generation).toBe(2);
  });

  test('refuses with a tainted authority, and where the root is revoked', async () => {
    await bootstrapAuthorities(world.keeper);
    const { authority } = await world.keys.jwt('jwt-svid');
    const by = 'test';
    await world.ledger.append({ facts: [{ kind: 'authority-tainted', id: authority.id, purpose: 'jwt-svid', by }] });
    await expect(world.keys.jwt('jwt-svid')).rejects.toMatchObject({ code: 'unavailable' });
    const { issuer } = (await world.keys.issuing()).authority;
    if (issuer === undefined) throw new Error('no issuer');
    await world.ledger.append({ facts: [{ kind: 'authority-revoked', id: issuer, purpose: 'x509-root', by }] });
    await expect(world.keys.issuing()).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('tries again after a key did not open', async () => {
    await bootstrapAuthorities(world.keeper);
    let broken = true;
    const { keyStore } = world.keeper;
    const flaky: Pick<KeyStore, 'open'> = {
      open: (authority) => (broken ? Promise.reject(new Error('the card is out')) : keyStore.open(authority)),
    };
    const { OpenSigningKeys } = await import('../../src/usecases/open-signing-keys.ts');
    const keys = new OpenSigningKeys(world.follower, flaky);
    await expect(keys.issuing()).rejects.toMatchObject({ code: 'unavailable', reason: 'the card is out' });
    broken = false;
    expect((await keys.issuing()).authority.state).toBe('active');
  });
});
