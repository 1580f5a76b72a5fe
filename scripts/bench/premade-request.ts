import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { writeCsr } from '../../src/formats/csr-writer.ts';

/** A P-256 key and a certificate request for it, made before anything is measured. */
export interface PremadeRequest {
  /** DER. */
  readonly csr: Uint8Array;
  /** PEM. */
  readonly key: string;
  /** Base64 of the DER. */
  readonly spki: string;
}

export const makeRequest = (): PremadeRequest => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    csr: writeCsr(privateKey),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    spki: createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).toString('base64'),
  };
};

/** Certificates in DER as one PEM text. */
export const pemChain = (chain: readonly Uint8Array[]): string =>
  chain
    .map((der) =>
      (
        Buffer.from(der)
          .toString('base64')
          .match(/.{1,64}/g) ?? []
      ).join('\n'),
    )
    .map((lines) => `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`)
    .join('');
