import { createHash } from 'node:crypto';
import { writeCsr } from '../../src/formats/csr-writer.ts';
import { encodePem } from '../../src/formats/pem.ts';
import type { ClientCertificate } from '../../test/support/journey-client.ts';
import type { TestKey } from '../../test/support/x509.ts';
import type { HeldLine } from './held.ts';

/** An X.509-SVID with its key. */
export interface Svid extends ClientCertificate {
  readonly spiffeId: string;
}

export interface X509Answer {
  readonly spiffeId: string;
  readonly serial: string;
  readonly chain: readonly string[];
  readonly ledger: { readonly index: number };
}

export interface JwtAnswer {
  readonly jti: string;
  readonly token: string;
  readonly ledger: { readonly index: number };
}

export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

export const csrOf = (key: TestKey): string => writeCsr(key.privateKey).toString('base64');

/** Where the content of a DER value begins and ends. Lengths of up to four octets. */
const content = (der: Buffer, at: number): { from: number; to: number } => {
  const first = der[at + 1] ?? 0;
  const octets = first < 0x80 ? 0 : first & 0x7f;
  const from = at + 2 + octets;
  return { from, to: from + (octets === 0 ? first : der.readUIntBE(at + 2, octets)) };
};

/** The octets that were signed: the first value inside the certificate (RFC 5280 §4.1). */
const tbsOf = (certificate: Buffer): Buffer => {
  const { from } = content(certificate, 0);
  return certificate.subarray(from, content(certificate, from).to);
};

const leafOf = ({ chain }: X509Answer): Buffer => Buffer.from(chain[0] ?? '', 'base64');

export const svidOf = (answer: X509Answer, key: TestKey): Svid => ({
  spiffeId: answer.spiffeId,
  cert: answer.chain.map((der) => encodePem('CERTIFICATE', Buffer.from(der, 'base64'))).join(''),
  keyPem: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
});

export const heldX509 = (answer: X509Answer): HeldLine => ({
  held: 'credential',
  id: answer.serial,
  digest: sha256(tbsOf(leafOf(answer))),
  index: answer.ledger.index,
});

/** The `jti` that stands in a token, and the digest of its signing input (RFC 7515 §5.1). */
export const heldToken = (token: string): HeldLine => {
  const input = token.slice(0, token.lastIndexOf('.'));
  const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti: string };
  return { held: 'credential', id: jti, digest: sha256(input) };
};
