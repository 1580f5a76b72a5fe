import { createPrivateKey, generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto';
import { serverId } from '../../src/domain/spiffe-id.ts';
import { parsePem } from '../../src/formats/pem.ts';
import { issueServerSvid } from '../../src/usecases/issue-server-svid.ts';
import { ServerSvidKeeper } from '../../src/usecases/keep-server-svid.ts';
import { bootstrapAuthorities, rotateAuthorities } from '../../src/usecases/rotate-authorities.ts';
import { DAY_MS, openTestAuthorities, testPolicy, TRUST_DOMAIN, type TestAuthorities } from '../support/authorities.ts';

const NAMES = { dnsNames: ['localhost', 'mayfly.example.org'], ipAddresses: ['127.0.0.1', '::1'] };
const makeKey = async (): Promise<KeyObject> => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

let world: TestAuthorities;
const issuer = () => ({ ...world, policy: testPolicy(TRUST_DOMAIN) });
beforeEach(async () => {
  world = await openTestAuthorities();
  await bootstrapAuthorities(world.keeper);
});
afterEach(() => world.close());

describe('issueServerSvid', () => {
  // ID-16, DEC-18, DEC-33, P1
  test('chain, names and key fit, and the fact stands before the signature', async () => {
    const svid = await issueServerSvid(issuer(), NAMES, makeKey);
    const [leaf, issuing] = parsePem(svid.certificateChain, 'CERTIFICATE').map((der) => new X509Certificate(der));
    const root = world.views.authorities.list('x509-root').find(({ state }) => state === 'active');
    const anchor = new X509Certificate(Buffer.from(root?.certificate ?? '', 'base64'));
    if (leaf === undefined || issuing === undefined) throw new Error('no chain');
    expect(leaf.verify(issuing.publicKey) && issuing.verify(anchor.publicKey)).toBe(true);
    expect(leaf.checkPrivateKey(createPrivateKey(svid.privateKey))).toBe(true);
    expect(leaf.subjectAltName).toContain(`URI:${serverId(TRUST_DOMAIN)}`);
    expect(leaf.checkHost('mayfly.example.org')).toBe('mayfly.example.org');
    expect([leaf.checkIP('127.0.0.1'), leaf.checkIP('::1'), leaf.checkIP('10.0.0.1')]).toEqual([
      '127.0.0.1',
      '::1',
      undefined,
    ]);
    expect(world.views.credentials.get(svid.id)).toMatchObject({ role: 'server', spiffeId: serverId(TRUST_DOMAIN) });
  });

  test('without authorities, or when the identity is blocked, nothing is issued', async () => {
    const bare = await openTestAuthorities();
    const asked = issueServerSvid({ ...bare, policy: testPolicy(TRUST_DOMAIN) }, NAMES, makeKey);
    await expect(asked).rejects.toMatchObject({ code: 'unavailable' });
    await bare.close();
  });

  test('a name that no certificate can hold is refused before anything is on record', async () => {
    const before = world.views.log.head().size;
    await expect(issueServerSvid(issuer(), { dnsNames: ['a b'], ipAddresses: [] }, makeKey)).rejects.toThrow(
      'DNS name',
    );
    expect(world.views.log.head().size).toBe(before);
  });
});

describe('ServerSvidKeeper', () => {
  test('renews at half of life and not before, and tells who listens', async () => {
    const keeper = new ServerSvidKeeper(issuer(), NAMES, makeKey);
    const seen: string[] = [];
    const stop = keeper.onChange(({ id }) => seen.push(id));
    expect(() => keeper.current()).toThrow('no identity yet');
    await keeper.renew();
    const first = keeper.current().id;
    world.clock.advance(29 * 60_000);
    await keeper.renew();
    expect(keeper.current().id).toBe(first);
    world.clock.advance(60_000);
    await keeper.renew();
    expect(seen).toEqual([first, keeper.current().id]);
    stop();
    world.clock.advance(DAY_MS);
    await keeper.renew();
    expect(seen).toHaveLength(2);
  });

  test('renews at once when its authority is tainted, and not for a scheduled rotation', async () => {
    const keeper = new ServerSvidKeeper(issuer(), NAMES, makeKey);
    await keeper.renew();
    const { id } = keeper.current();
    const { authority } = await world.keys.issuing();
    const tainted = { kind: 'authority-tainted', id: authority.id, purpose: 'x509-issuing', by: 'test' } as const;
    await world.ledger.append({ facts: [tainted] });
    await expect(keeper.renew()).rejects.toMatchObject({ code: 'unavailable' });
    expect(keeper.current().id).toBe(id);
    await rotateAuthorities(world.keeper);
    await keeper.renew();
    expect(keeper.current().id).not.toBe(id);
  });
});
