import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyType, X509LeafPlan } from '../../../src/domain/x509-profile.ts';
import { caSubject, createCaCsr, readCaCertificate } from '../../../src/formats/ca-certificate.ts';
import { encodePem, parsePem } from '../../../src/formats/pem.ts';
import { newKey, signerOf, TRUST_DOMAIN } from '../../support/x509.ts';
import type { SampleFolder } from './manifest.ts';
import { addX509, newHierarchy, NOW, ourLeaf } from './x509.ts';

interface Shape {
  readonly name: string;
  readonly key: KeyType;
  readonly changes?: Partial<X509LeafPlan>;
  readonly host?: string;
  readonly address?: string;
}

const SHAPES: readonly Shape[] = [
  { name: 'P-256', key: 'p256' },
  { name: 'P-384', key: 'p384' },
  { name: 'RSA', key: 'rsa' },
  { name: 'empty subject', key: 'p256', changes: { subject: {} } },
  { name: 'common name', key: 'p256', changes: { subject: { organization: 'example.org', commonName: 'db' } } },
  { name: 'common name alone', key: 'p256', changes: { subject: { commonName: 'Bücher' } } },
  {
    name: 'DNS names',
    key: 'p256',
    changes: { dnsNames: ['api.example.org', '*.db.example.org'] },
    host: 'one.db.example.org',
  },
  {
    name: 'server',
    key: 'p256',
    changes: { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', '::1'] },
    host: 'localhost',
    address: '127.0.0.1',
  },
  { name: 'server, by IPv6', key: 'p256', changes: { subject: {}, ipAddresses: ['::1'] }, address: '::1' },
];

/** Every shape of leaf below every kind of issuing CA. */
export const addShapes = async (folder: SampleFolder): Promise<void> => {
  const keys = { p256: newKey('p256'), p384: newKey('p384'), rsa: newKey('rsa') };
  for (const [below, root, issuing] of [
    ['P-256', 'p256', 'p256'],
    ['P-384', 'p384', 'p384'],
    ['RSA', 'rsa', 'rsa'],
    ['P-256 under P-384', 'p384', 'p256'],
  ] as const) {
    const hierarchy = await newHierarchy(root, issuing);
    for (const { name, key, changes, ...hosts } of SHAPES) {
      const leaf = await ourLeaf(hierarchy.issuing, keys[key], changes);
      const chain = [leaf, hierarchy.issuing.certificate.der];
      addX509(folder, `${name} below ${below}`, { chain, roots: [hierarchy.root.certificate.der], ...hosts });
    }
  }
};

const OFFLINE: readonly (readonly [string, ...string[]])[] = [
  ['P-384', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-sha384'],
  ['RSA', '-newkey', 'rsa:3072', '-sha512'],
];

/** Roots that OpenSSL made, and our issuing CA as they signed it. */
export const addOfflineRoots = async (folder: SampleFolder): Promise<void> => {
  for (const [name, ...options] of OFFLINE) {
    const cwd = mkdtempSync(join(tmpdir(), 'mayfly-offline-'));
    try {
      const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd, stdio: 'ignore' });
      const der = (file: string): Buffer => {
        const [first = Buffer.alloc(0)] = parsePem(readFileSync(join(cwd, file), 'utf8'), 'CERTIFICATE');
        return first;
      };
      const usage = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'];
      const extensions = usage.flatMap((text) => ['-addext', text]);
      const out = ['-keyout', 'root.key', '-out', 'root.pem', '-subj', '/O=Example/CN=Offline'];
      openssl('req', '-x509', '-new', '-nodes', ...options, ...out, '-days', '3650', ...extensions);
      const key = newKey();
      const identity = {
        trustDomain: TRUST_DOMAIN,
        subject: caSubject(TRUST_DOMAIN, 'issuing', 1, 'abcdefgh'),
        spki: key.spki,
        pathLength: 0,
      };
      writeFileSync(join(cwd, 'ca.csr'), encodePem('CERTIFICATE REQUEST', await createCaCsr(identity, signerOf(key))));
      const by = ['-CA', 'root.pem', '-CAkey', 'root.key', '-copy_extensions', 'copyall'];
      openssl('x509', '-req', '-in', 'ca.csr', ...by, '-days', '30', '-out', 'ca.pem');
      const issuing = { key, certificate: readCaCertificate(der('ca.pem')) };
      const notBefore = Math.max(NOW - 10, issuing.certificate.notBefore);
      const leaf = await ourLeaf(issuing, newKey(), { notBefore });
      addX509(folder, `below an offline ${name} root`, { chain: [leaf, der('ca.pem')], roots: [der('root.pem')] });
    } finally {
      rmSync(cwd, { recursive: true, force: true });
    }
  }
};
