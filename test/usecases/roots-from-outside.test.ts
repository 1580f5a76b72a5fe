import { createPublicKey, webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuthorityPolicy } from '../../src/domain/authority-policy.ts';
import { encodePem } from '../../src/formats/pem.ts';
import { installAuthority, requestAuthority } from '../../src/usecases/install-authority.ts';
import { bootstrapAuthorities, rotateAuthorities } from '../../src/usecases/rotate-authorities.ts';
import { openTestAuthorities, type TestAuthorities } from '../support/authorities.ts';
import { ecKeys, foreign, type Foreign, type ForeignPlan } from '../support/foreign-certificates.ts';
import { Pkcs10CertificateRequest } from '../support/peculiar-x509.ts';
import { NOW } from '../support/x509.ts';

const YEAR = 365 * 86_400;
let folder = '';
let world: TestAuthorities | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mayfly-root-'));
});
afterEach(async () => {
  await world?.close();
  world = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const rootOf = (over: Partial<ForeignPlan> = {}): Promise<Foreign> =>
  foreign({ name: 'Our root', ca: true, notBefore: NOW - 86_400, notAfter: NOW + YEAR, ...over });

const open = async (policy: Partial<AuthorityPolicy>, root?: Foreign, keyOf = root): Promise<TestAuthorities> => {
  const path = join(folder, 'root.key');
  if (keyOf) {
    const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keyOf.keys.privateKey));
    writeFileSync(path, encodePem('PRIVATE KEY', pkcs8), { mode: 0o400 });
  }
  const broughtRoot = root && { certificate: root.der, keyReference: path };
  world = await openTestAuthorities({ policy, start: NOW * 1000, ...(broughtRoot && { broughtRoot }) });
  return world;
};

describe('a root that is brought online', () => {
  test('is adopted, published and signs; no root of ours is made', async () => {
    const root = await rootOf({ pathLength: 1, uris: ['spiffe://example.org'] });
    const { keeper, views, keys } = await open({ root: 'brought' }, root);
    await bootstrapAuthorities(keeper);
    const [only, ...others] = views.authorities.list('x509-root');
    expect([only?.state, only?.key.kind, others.length]).toEqual(['active', 'file', 0]);
    expect(only?.certificate).toBe(root.der.toString('base64'));
    expect((await keys.issuing()).authority.issuer).toBe(only?.id);
    expect(await rotateAuthorities(keeper)).toEqual([]);
  });

  test.each<[string, Partial<ForeignPlan>]>([
    ['is not a CA', { ca: false }],
    ['lacks keyCertSign', { usage: 'none' }],
    ['leaves no room', { pathLength: 0 }],
    ['has expired', { notAfter: NOW - 1 }],
    ['is not valid yet', { notBefore: NOW + 60 }],
    ['ends in less than', { notAfter: NOW + 86_400 }],
    ['the name of something else', { uris: ['spiffe://other.org'] }],
    ['the name of something else', { uris: ['spiffe://example.org/ca'] }],
    ['extended key usage', { purposes: ['1.3.6.1.5.5.7.3.1'] }],
    ['not signed by its own key', { hash: 'SHA-1' }],
    ['subject key identifier', { keyIds: false }],
  ])('is refused, with the reason: it %s', async (reason, plan) => {
    const { keeper, views } = await open({ root: 'brought' }, await rootOf(plan));
    await expect(bootstrapAuthorities(keeper)).rejects.toThrow(reason);
    expect(views.authorities.list('x509-root')).toEqual([]);
    expect(views.authorities.list('jwt-svid')).toHaveLength(2);
  });

  test('is refused when someone else signed it, or its curve is not ours', async () => {
    const above = await rootOf({ name: 'Above' });
    const below = await open({ root: 'brought' }, await rootOf({ issuer: above }));
    await expect(bootstrapAuthorities(below.keeper)).rejects.toThrow('not signed by its own key');
    await below.close();
    rmSync(join(folder, 'root.key'), { force: true });
    const { keeper } = await open({ root: 'brought' }, await rootOf({ keys: await ecKeys('P-521') }));
    await expect(bootstrapAuthorities(keeper)).rejects.toThrow('neither P-256, P-384 nor RSA');
  });

  test('once revoked it does not come back, and the operator is told', async () => {
    const { keeper, views, ledger } = await open({ root: 'brought' }, await rootOf());
    await bootstrapAuthorities(keeper);
    const [root] = views.authorities.list('x509-root');
    if (root === undefined) throw new Error('no root');
    await ledger.append({ facts: [{ kind: 'authority-revoked', id: root.id, purpose: 'x509-root', by: 'test' }] });
    await expect(rotateAuthorities(keeper)).rejects.toMatchObject({ code: 'unavailable' });
    expect(views.authorities.list('x509-root').map(({ state }) => state)).toEqual(['revoked']);
  });

  test('is refused when the key file is of another root, or missing', async () => {
    const { keeper } = await open({ root: 'brought' }, await rootOf(), await rootOf());
    await expect(bootstrapAuthorities(keeper)).rejects.toThrow('does not fit');
    rmSync(join(folder, 'root.key'));
    await expect(bootstrapAuthorities(keeper)).rejects.toThrow('does not exist');
  });
});

describe('an offline root', () => {
  /** What the operator does far away, with another library. */
  const signed = async (root: Foreign, csr: string, over: Partial<ForeignPlan> = {}): Promise<Foreign> => {
    const { publicKey } = new Pkcs10CertificateRequest(csr);
    const key = await publicKey.export(webcrypto);
    const keys = { publicKey: key, privateKey: root.keys.privateKey };
    return foreign({
      name: 'Our issuing CA',
      issuer: root,
      ca: true,
      pathLength: 0,
      notAfter: NOW + 30 * 86_400,
      keys,
      ...over,
    });
  };

  test('signs a request that waits; then leaves are signed under it', async () => {
    const { keeper, views, keys } = await open({ root: 'offline' });
    await bootstrapAuthorities(keeper);
    await expect(keys.issuing()).rejects.toMatchObject({ code: 'unavailable' });
    const { authority, csr } = await requestAuthority(keeper, 'uid:0');
    const request = new Pkcs10CertificateRequest(csr);
    expect(await request.verify(webcrypto)).toBe(true);
    expect(request.subject).toContain('O=example.org');
    expect((await requestAuthority(keeper, 'uid:0')).authority.id).toBe(authority.id);

    const root = await rootOf();
    const { der } = await signed(root, csr);
    const installed = await installAuthority(keeper, { certificate: der, roots: [root.der] }, 'uid:0');
    expect([installed.id, installed.state]).toEqual([authority.id, 'active']);
    const [only] = views.authorities.list('x509-root');
    expect([only?.state, only?.key.kind]).toEqual(['active', 'absent']);
    const ca = await keys.issuing();
    expect(createPublicKey(ca.publicKey.export({ format: 'pem', type: 'spki' })).asymmetricKeyType).toBe('ec');
    expect(ca.authority.notAfter).toBe(NOW + 30 * 86_400);
    const again = installAuthority(keeper, { certificate: der, roots: [root.der] }, 'uid:0');
    await expect(again).rejects.toMatchObject({ code: 'authority_state' });
  });

  test('what does not fit is refused with the reason, and nothing is recorded', async () => {
    const { keeper, views } = await open({ root: 'offline' });
    await bootstrapAuthorities(keeper);
    const { csr } = await requestAuthority(keeper, 'uid:0');
    const root = await rootOf();
    const impostor = await rootOf();
    const before = views.log.head().size;
    const attempts: readonly [Foreign, readonly Foreign[], string][] = [
      [await signed(root, csr), [], 'hand in the root'],
      [await signed(root, csr), [impostor], 'has not signed it'],
      [await signed(root, csr, { ca: false }), [root], 'without cA'],
      [await signed(root, csr, { usage: 'none' }), [root], 'keyCertSign'],
      [await signed(root, csr, { notAfter: NOW + 60 }), [root], 'ends in less than'],
      [await signed(root, csr, { notBefore: NOW + 60 }), [root], 'not valid yet'],
      [await signed(root, csr, { notAfter: NOW + 2 * YEAR }), [root], 'outlives the root'],
      [await signed(root, csr, { name: 'Our root' }), [root], 'same subject'],
      [await signed(root, csr, { uris: ['spiffe://other.org'] }), [root], 'name of something else'],
      [await signed(root, csr, { keys: await ecKeys() }), [root], 'no issuing CA of ours'],
      [root, [root], 'no issuing CA of ours'],
      [await signed(root, csr), [await rootOf({ pathLength: 0 })], 'leaves no room'],
    ];
    for (const [certificate, roots, reason] of attempts) {
      const asked = installAuthority(
        keeper,
        { certificate: certificate.der, roots: roots.map(({ der }) => der) },
        'uid:0',
      );
      await expect(asked).rejects.toThrow(reason);
    }
    expect(views.log.head().size).toBe(before);
  });

  test('a request is only made where the root is offline', async () => {
    const { keeper } = await open({});
    await bootstrapAuthorities(keeper);
    await expect(requestAuthority(keeper, 'uid:0')).rejects.toMatchObject({ code: 'authority_state' });
  });
});
