import { parseSpiffeId } from '../../../src/domain/spiffe-id.ts';
import { newCa, newKey } from '../../support/x509.ts';
import { ecKeys, foreign, type Foreign, type ForeignPlan } from '../../support/foreign-certificates.ts';
import { Extension, KeyUsageFlags, SubjectAlternativeNameExtension } from '../../support/peculiar-x509.ts';
import type { Rule, SampleFolder } from './manifest.ts';
import { addX509, type Ders, newHierarchy, NOW, ourLeaf } from './x509.ts';

/** Changes one bit of the last byte that `find` ends at, or of the last byte of all. */
const flipped = (der: Uint8Array, find?: string): Uint8Array => {
  const copy = Buffer.from(der);
  const at = find === undefined ? copy.length - 1 : copy.indexOf(find) + find.length - 1;
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};

/** Our own certificates, spoiled after the fact or used in the wrong place. */
export const addSpoiledLeaves = async (folder: SampleFolder): Promise<void> => {
  const { root, issuing } = await newHierarchy('p256');
  const key = newKey();
  const anchors = [root.certificate.der];
  const ca = issuing.certificate.der;
  const good = await ourLeaf(issuing, key);
  const stranger = await newHierarchy('p256');
  const impostor = await newCa(stranger.root, newKey(), { notBefore: NOW - 86_400, notAfter: NOW + 86_400 });
  const late = await newCa(root, newKey(), { notBefore: NOW - 86_400, notAfter: NOW - 60 });
  const elsewhere = parseSpiffeId('spiffe://example.com/payments/api');
  const spoiled: readonly (readonly [string, Rule, Ders, Ders?])[] = [
    ['expired', 'pkix', [await ourLeaf(issuing, key, { notBefore: NOW - 7200, notAfter: NOW - 60 }), ca]],
    ['not yet valid', 'pkix', [await ourLeaf(issuing, key, { notBefore: NOW + 3600, notAfter: NOW + 7200 }), ca]],
    ['bad signature', 'pkix', [flipped(good), ca]],
    ['changed identity', 'pkix', [flipped(good, 'payments/api'), ca]],
    ['bad signature of the issuing CA', 'pkix', [good, flipped(ca)]],
    ['issuing CA missing', 'pkix', [good]],
    ['issuing CA expired', 'pkix', [await ourLeaf(late, key), late.certificate.der]],
    ['issuer of the same name and another key', 'pkix', [await ourLeaf(impostor, key), ca]],
    ['unknown root', 'pkix', [await ourLeaf(stranger.issuing, key), stranger.issuing.certificate.der]],
    [
      'root sent along',
      'pkix',
      [await ourLeaf(stranger.issuing, key), stranger.issuing.certificate.der, stranger.root.certificate.der],
    ],
    ['no root at all', 'pkix', [good, ca], []],
    ['self-issued leaf', 'pkix', [await ourLeaf({ key, certificate: issuing.certificate }, key), ca]],
    ['identity of another trust domain', 'x509-svid', [await ourLeaf(issuing, key, { spiffeId: elsewhere }), ca]],
  ];
  for (const [name, breaks, chain, roots = anchors] of spoiled) addX509(folder, name, { breaks, chain, roots });
};

const ID = 'spiffe://example.org/api';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';
const TIMES = { notBefore: NOW - 600, notAfter: NOW + 600 };

/** permittedSubtrees with the one DNS name `other.org`. */
const ONLY_OTHER_ORG = new Extension(
  '2.5.29.30',
  true,
  Buffer.from('300fa00d300b8209' + Buffer.from('other.org').toString('hex'), 'hex'),
);
const UNKNOWN = new Extension('1.3.6.1.4.1.55738.1', true, Buffer.from('0500', 'hex'));

/** What no part of ours would write, from a foreign writer. */
export const addForeign = async (folder: SampleFolder): Promise<void> => {
  const make = (plan: ForeignPlan): Promise<Foreign> => foreign({ ...TIMES, ...plan });
  const root = await make({ name: 'root', ca: true });
  const issuing = await make({ name: 'issuing', ca: true, issuer: root, pathLength: 0 });
  const leaf = (changes: Partial<ForeignPlan> = {}): Promise<Foreign> =>
    make({ name: 'leaf', uris: [ID], purposes: [SERVER_AUTH, CLIENT_AUTH], issuer: issuing, ...changes });
  const add = (name: string, breaks: Rule | undefined, ...chain: readonly Foreign[]): void =>
    addX509(folder, name, {
      chain: chain.map(({ der }) => der),
      roots: [root.der],
      ...(breaks !== undefined && { breaks }),
    });
  const below = async (name: string, changes: Partial<ForeignPlan>, more: Partial<ForeignPlan> = {}): Promise<void> => {
    const issuer = await make({ name: 'other issuing', ca: true, issuer: root, ...changes });
    add(name, 'pkix', await leaf({ issuer, ...more }), issuer);
  };

  add('foreign writer', undefined, await leaf(), issuing);
  add('two URI names', 'x509-svid', await leaf({ uris: [ID, 'spiffe://example.org/admin'] }), issuing);
  add(
    'a URI name of another scheme beside it',
    'x509-svid',
    await leaf({ uris: [ID, 'https://example.org/api'] }),
    issuing,
  );
  add('URI name of another scheme', 'x509-svid', await leaf({ uris: ['https://example.org/api'] }), issuing);
  const dnsOnly = new SubjectAlternativeNameExtension([{ type: 'dns', value: 'api.example.org' }]);
  add('no URI name', 'x509-svid', await leaf({ uris: [], more: [dnsOnly] }), issuing);
  add('no path', 'x509-svid', await leaf({ uris: ['spiffe://example.org'] }), issuing);
  add('dot segments', 'x509-svid', await leaf({ uris: ['spiffe://example.org/a/../admin'] }), issuing);
  add('percent-encoding', 'x509-svid', await leaf({ uris: ['spiffe://example.org/%61pi'] }), issuing);
  add('trailing slash', 'x509-svid', await leaf({ uris: [`${ID}/`] }), issuing);
  add('query', 'x509-svid', await leaf({ uris: [`${ID}?admin`] }), issuing);
  add('port in the trust domain', 'x509-svid', await leaf({ uris: ['spiffe://example.org:1/api'] }), issuing);
  const { digitalSignature, keyCertSign, cRLSign } = KeyUsageFlags;
  add('a CA as leaf', 'x509-svid', await leaf({ ca: true, usage: digitalSignature | keyCertSign }), issuing);
  add('leaf that may sign CRLs', 'x509-svid', await leaf({ usage: digitalSignature | cRLSign }), issuing);
  add('leaf without key usage', 'x509-svid', await leaf({ usage: 'none' }), issuing);
  add('purpose of code signing', 'pkix', await leaf({ purposes: [CODE_SIGNING] }), issuing);
  add('unknown critical extension', 'pkix', await leaf({ more: [UNKNOWN] }), issuing);
  add('SHA-1', 'pkix', await leaf({ hash: 'SHA-1' }), issuing);

  await below('issuing CA that is no CA', { ca: false, usage: keyCertSign });
  await below('issuing CA that may not sign certificates', { usage: cRLSign });
  await below('issuing CA with an unknown critical extension', { more: [UNKNOWN] });
  await below('issuing CA not yet valid', { notBefore: NOW + 300 });
  const named = new SubjectAlternativeNameExtension([
    { type: 'url', value: ID },
    { type: 'dns', value: 'api.example.org' },
  ]);
  await below('name constraints', { more: [ONLY_OTHER_ORG] }, { uris: [], more: [named] });
  const third = await make({ name: 'third', ca: true, issuer: issuing });
  add('path too long', 'pkix', await leaf({ issuer: third }), third, issuing);
  const leafAsIssuer = await leaf();
  add(
    'leaf as issuer',
    'pkix',
    await leaf({ name: 'below', issuer: leafAsIssuer, keys: await ecKeys() }),
    leafAsIssuer,
    issuing,
  );
};
