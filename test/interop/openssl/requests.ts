import { createPublicKey } from 'node:crypto';
import { Refusal } from '../../../src/domain/refusal.ts';
import type { KeyType } from '../../../src/domain/x509-profile.ts';
import { readCsr } from '../../../src/formats/csr.ts';
import { writeCsr } from '../../../src/formats/csr-writer.ts';
import { encodePem } from '../../../src/formats/pem.ts';
import { newKey } from '../../support/x509.ts';
import { file, firstBlock, openssl, report, textOf } from './harness.ts';

// Requests, ours to OpenSSL and OpenSSL's to us.
for (const type of ['p256', 'p384', 'rsa'] as const) {
  file('own.csr', encodePem('CERTIFICATE REQUEST', writeCsr(newKey(type).privateKey)));
  report(`our ${type} request`, openssl('req', '-verify', '-noout', '-in', 'own.csr'));
}
const requests: [string, string[], KeyType][] = [
  ['P-256', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'], 'p256'],
  ['P-384', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-sha512'], 'p384'],
  ['RSA', ['-newkey', 'rsa:2048', '-sha384'], 'rsa'],
];
for (const [name, options, type] of requests) {
  report(
    `${name} request is made`,
    openssl(
      'req',
      '-new',
      '-nodes',
      ...options,
      '-keyout',
      'their.key',
      '-out',
      'their.csr',
      '-subj',
      '/CN=anything',
      '-addext',
      'subjectAltName=URI:spiffe://example.org/admin',
    ),
  );
  const der = firstBlock('their.csr', 'CERTIFICATE REQUEST');
  const request = readCsr(der);
  const isSameKey = createPublicKey(request.spkiPem).equals(createPublicKey(textOf('their.key')));
  report(`${name} request of OpenSSL`, request.keyType === type && isSameKey ? undefined : 'another key was read');
}

// Keys that are refused.
const refused: [string, string[], string][] = [
  ['ec', ['-pkeyopt', 'ec_paramgen_curve:P-256', '-pkeyopt', 'ec_param_enc:explicit'], 'invalid_csr'],
  ['ec', ['-pkeyopt', 'ec_paramgen_curve:secp256k1'], 'unsupported_key'],
  ['ec', ['-pkeyopt', 'ec_paramgen_curve:P-521'], 'unsupported_key'],
  ['ed25519', [], 'unsupported_key'],
  ['rsa:1024', [], 'unsupported_key'],
];
for (const [kind, options, code] of refused) {
  const name = ['a request with', kind, ...options].join(' ');
  report(
    `${name} is made`,
    openssl(
      'req',
      '-new',
      '-nodes',
      '-newkey',
      kind,
      ...options,
      '-keyout',
      'bad.key',
      '-out',
      'bad.csr',
      '-subj',
      '/CN=x',
    ),
  );
  const der = firstBlock('bad.csr', 'CERTIFICATE REQUEST');
  let outcome = 'accepted';
  try {
    readCsr(der);
  } catch (error) {
    outcome = error instanceof Refusal ? error.code : String(error);
  }
  report(`${name} is refused`, outcome === code ? undefined : outcome);
}
