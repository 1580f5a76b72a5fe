import type { KeyType, X509LeafPlan } from '../../../src/domain/x509-profile.ts';
import { caSubject, createCaCsr, readCaCertificate } from '../../../src/formats/ca-certificate.ts';
import { encodePem } from '../../../src/formats/pem.ts';
import { checkX509Leaf } from '../../../src/verify/x509-leaf.ts';
import { readX509Svid, verifyX509Svid } from '../../../src/verify/x509-path.ts';
import {
  expectationOf,
  issueLeaf,
  leafPlan,
  newCa,
  newKey,
  NOW,
  NOW_INSTANT,
  signerOf,
  TRUST_DOMAIN,
  type TestCa,
} from '../../support/x509.ts';
import { file, firstBlock, openssl, report } from './harness.ts';

// Every certificate that Mayfly writes, as OpenSSL's strict verification sees it.

const pemOf = (der: Uint8Array): string => encodePem('CERTIFICATE', der);

interface Chain {
  readonly leaf: Uint8Array;
  readonly intermediates: readonly Uint8Array[];
  readonly root: Uint8Array;
}

const verifyWithOpenssl = (chain: Chain, ...options: string[]): string | undefined => {
  const untrusted = chain.intermediates.flatMap((der, index) => [
    '-untrusted',
    file(`untrusted-${index}.pem`, pemOf(der)),
  ]);
  const anchors = ['-CAfile', file('root.pem', pemOf(chain.root)), '-no-CApath', '-no-CAstore'];
  const leaf = file('leaf.pem', pemOf(chain.leaf));
  return openssl('verify', '-x509_strict', '-attime', String(NOW), ...options, ...anchors, ...untrusted, leaf);
};

const keys: Record<KeyType, ReturnType<typeof newKey>> = {
  p256: newKey('p256'),
  p384: newKey('p384'),
  rsa: newKey('rsa'),
};

const leafShapes: [string, KeyType, Partial<X509LeafPlan>, string[]][] = [
  ['P-256', 'p256', {}, []],
  ['P-384', 'p384', {}, []],
  ['RSA', 'rsa', {}, []],
  ['empty subject', 'p256', { subject: {} }, []],
  ['common name', 'p256', { subject: { organization: 'example.org', commonName: 'db.example.org' } }, []],
  ['common name alone', 'p256', { subject: { commonName: 'Bücher' } }, []],
  ['DNS names', 'p256', { dnsNames: ['api.example.org', 'db.example.org'] }, ['-verify_hostname', 'db.example.org']],
  [
    'server, by name',
    'p256',
    { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', '::1'] },
    ['-verify_hostname', 'localhost'],
  ],
  [
    'server, by IPv4',
    'p256',
    { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', '::1'] },
    ['-verify_ip', '127.0.0.1'],
  ],
  ['server, by IPv6', 'p256', { subject: {}, ipAddresses: ['127.0.0.1', '::1'] }, ['-verify_ip', '::1']],
];

const checkLeaf = async (name: string, issuing: TestCa, root: Uint8Array, plan: X509LeafPlan, options: string[]) => {
  const leaf = await issueLeaf(issuing, plan);
  checkX509Leaf(leaf, expectationOf(issuing, plan));
  const chain = { leaf, intermediates: [issuing.certificate.der], root };
  verifyX509Svid({
    svid: readX509Svid([leaf, issuing.certificate.der]),
    rootsOf: () => [readCaCertificate(root)],
    now: NOW_INSTANT,
  });
  for (const purpose of ['sslclient', 'sslserver']) {
    report(`${name}, ${purpose}`, verifyWithOpenssl(chain, '-purpose', purpose, ...options));
  }
};

for (const type of ['p256', 'p384', 'rsa'] as const) {
  const root = await newCa(undefined, newKey(type));
  report(
    `${type} root`,
    verifyWithOpenssl({ leaf: root.certificate.der, intermediates: [], root: root.certificate.der }),
  );
  const issuing = await newCa(root, newKey(type));
  report(
    `${type} issuing CA`,
    verifyWithOpenssl({ leaf: issuing.certificate.der, intermediates: [], root: root.certificate.der }),
  );
  for (const [name, keyType, changes, options] of leafShapes) {
    const plan = leafPlan(issuing, keys[keyType], changes);
    await checkLeaf(`${name} leaf below a ${type} CA`, issuing, root.certificate.der, plan, options);
  }
}

// A chain that must not pass, so that a verification that always says yes is noticed.
const root = await newCa();
const issuing = await newCa(root);
const forged = await issueLeaf(issuing, leafPlan(issuing, keys.p256));
forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
const accepted = verifyWithOpenssl({
  leaf: forged,
  intermediates: [issuing.certificate.der],
  root: root.certificate.der,
});
report('a forged leaf is refused', accepted === undefined ? 'OpenSSL accepts it' : undefined);

// An offline root: OpenSSL makes it and signs our request.
const offlineRoot = (name: string, ...newKeyOptions: string[]): Uint8Array => {
  const problem = openssl(
    'req',
    '-x509',
    '-new',
    '-nodes',
    ...newKeyOptions,
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.pem`,
    '-days',
    '3650',
    '-subj',
    `/O=Example/CN=${name}`,
    '-addext',
    'basicConstraints=critical,CA:TRUE',
    '-addext',
    'keyUsage=critical,keyCertSign,cRLSign',
  );
  report(`${name} is made`, problem);
  return firstBlock(`${name}.pem`, 'CERTIFICATE');
};

for (const [name, ...options] of [
  ['offline-p384', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-sha384'],
  ['offline-rsa', '-newkey', 'rsa:3072', '-sha512'],
]) {
  const anchor = offlineRoot(name ?? '', ...options);
  const key = newKey();
  const csr = await createCaCsr(
    {
      trustDomain: TRUST_DOMAIN,
      subject: caSubject(TRUST_DOMAIN, 'issuing', 1, 'abcdefgh'),
      spki: key.spki,
      pathLength: 0,
    },
    signerOf(key),
  );
  file('ca.csr', encodePem('CERTIFICATE REQUEST', csr));
  report(`the request to ${name} verifies`, openssl('req', '-verify', '-noout', '-in', 'ca.csr'));
  report(
    `${name} signs the request`,
    openssl(
      'x509',
      '-req',
      '-in',
      'ca.csr',
      '-CA',
      `${name}.pem`,
      '-CAkey',
      `${name}.key`,
      '-days',
      '30',
      '-copy_extensions',
      'copyall',
      '-out',
      'issuing.pem',
    ),
  );
  const der = firstBlock('issuing.pem', 'CERTIFICATE');
  const below: TestCa = { key, certificate: readCaCertificate(der) };
  const at = Math.max(below.certificate.notBefore, readCaCertificate(anchor).notBefore) + 60;
  const plan = leafPlan(below, keys.p256, { notBefore: at - 10, notAfter: at + 300 });
  const leaf = await issueLeaf(below, plan);
  checkX509Leaf(leaf, expectationOf(below, plan));
  report(`leaf below ${name}`, verifyWithOpenssl({ leaf, intermediates: [der], root: anchor }, '-attime', String(at)));
}
