import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { FolderAgentState } from '../../src/adapters/agent-state/agent-state.ts';
import { StateFolder } from '../../src/adapters/agent-state/folder.ts';
import { bundleAnchor, ServerTrust } from '../../src/agent/server-trust.ts';
import { bundleDocument } from '../../src/formats/bundle.ts';
import { encodePem } from '../../src/formats/pem.ts';
import type { SyncBundle } from '../../src/formats/sync-message.ts';
import type { TrustAnchor } from '../../src/ports/trust-anchor.ts';
import { newStatePath } from '../support/agent-folder.ts';
import { codeOf } from '../support/refusals.ts';
import { newCa, TRUST_DOMAIN } from '../support/x509.ts';

let first: Uint8Array;
let second: Uint8Array;
let path: string;
let folder: StateFolder | undefined;

beforeAll(async () => {
  [first, second] = await Promise.all([newCa(), newCa()]).then(([a, b]) => [a.certificate.der, b.certificate.der]);
});

beforeEach(() => {
  ({ path } = newStatePath());
});

afterEach(() => {
  folder?.close();
  rmSync(dirname(path), { recursive: true, force: true });
});

/** As the next start has it. */
const trusting = async (anchor: TrustAnchor): Promise<ServerTrust> => {
  folder?.close();
  folder = new StateFolder(path);
  const trust = new ServerTrust({ trustDomain: TRUST_DOMAIN, state: new FolderAgentState(folder), anchor });
  await trust.ready();
  return trust;
};

const pem = (...ders: readonly Uint8Array[]): string => ders.map((der) => encodePem('CERTIFICATE', der)).join('');
const anchorOf = (...ders: readonly Uint8Array[]): TrustAnchor => bundleAnchor(pem(...ders), TRUST_DOMAIN);
const hex = (ders: readonly Uint8Array[]): readonly string[] => ders.map((der) => Buffer.from(der).toString('hex'));

const told = (ders: readonly Uint8Array[], changes: Partial<SyncBundle> = {}): SyncBundle => ({
  trustDomain: TRUST_DOMAIN,
  sequence: 2,
  x509Authorities: ders.map((der) => Buffer.from(der).toString('base64')),
  jwtKeys: [],
  ...changes,
});

test('PEM and the SPIFFE document are the same trust', async () => {
  const document = bundleDocument({ x509Authorities: [first, second], jwtKeys: [], sequence: 1 });
  const [asPem, asJson] = [anchorOf(first, second), bundleAnchor(document, TRUST_DOMAIN)];
  expect(asPem.id).toBe(asJson.id);
  expect(hex(await asJson.load())).toEqual(hex(await asPem.load()));
  expect(anchorOf(second).id).not.toBe(anchorOf(first).id);
});

test.each(['', 'hello', '{"keys":[]}', '{', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'])(
  '%j is nothing to trust',
  async (text) => {
    expect(await codeOf(() => bundleAnchor(text, TRUST_DOMAIN))).toBe('invalid_request');
  },
);

test('what the server told holds, and outlives a restart', async () => {
  const trust = await trusting(anchorOf(first));
  expect(hex(trust.roots())).toEqual(hex([first]));
  expect(trust.learn(told([first, second]))).toBe(true);
  const roots = trust.roots();
  expect(trust.learn(told([first, second]))).toBe(false);
  expect(trust.roots()).toBe(roots);
  trust.learn(told([second]));
  expect(hex((await trusting(anchorOf(first))).roots())).toEqual(hex([second]));
});

test('other trust that an operator configures ends what was learned', async () => {
  (await trusting(anchorOf(first))).learn(told([second]));
  const trust = await trusting(anchorOf(first, second));
  expect(hex(trust.roots())).toEqual(hex([first, second]));
});

test('what was configured is not trusted beside what was learned', async () => {
  (await trusting(anchorOf(first, second))).learn(told([second]));
  expect(hex((await trusting(anchorOf(first, second))).roots())).toEqual(hex([second]));
});

test.each([
  ['of another trust domain', (der: Uint8Array) => told([der], { trustDomain: 'example.com' })],
  ['without authorities', () => told([])],
  ['of which nothing can be read', () => told([], { x509Authorities: ['AAAA', '***'] })],
])('a bundle %s is left aside', async (_name, bundle) => {
  const trust = await trusting(anchorOf(first));
  expect(trust.learn(bundle(second))).toBe(false);
  expect(hex(trust.roots())).toEqual(hex([first]));
});

test('a disk that fails keeps nobody from trusting what was told', async () => {
  const trust = await trusting(anchorOf(first));
  rmSync(path, { recursive: true });
  expect(() => trust.learn(told([second]))).toThrow('ENOENT');
  expect(hex(trust.roots())).toEqual(hex([second]));
});

test('nothing is trusted before the anchor is there', async () => {
  folder = new StateFolder(path);
  const anchor: TrustAnchor = { id: 'x', load: () => Promise.reject(new Error('away')) };
  const trust = new ServerTrust({ trustDomain: TRUST_DOMAIN, state: new FolderAgentState(folder), anchor });
  expect(trust.roots()).toEqual([]);
  await expect(trust.ready()).rejects.toThrow('away');
  expect(trust.roots()).toEqual([]);
});

test('with nothing configured, what was learned goes on', async () => {
  const none: TrustAnchor = { load: () => Promise.reject(new Error('nothing is configured')) };
  await expect(trusting(none)).rejects.toThrow('nothing is configured');
  (await trusting(anchorOf(first))).learn(told([second]));
  const trust = await trusting(none);
  expect(hex(trust.roots())).toEqual(hex([second]));
  expect(trust.learn(told([second]))).toBe(false);
  trust.learn(told([first]));
  expect(hex((await trusting(anchorOf(first))).roots())).toEqual(hex([first]));
});
