import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { Refusal } from '../../domain/refusal.ts';
import { readCertificate } from '../../formats/certificate.ts';
import { DerError } from '../../formats/der-reader.ts';
import { parsePem } from '../../formats/pem.ts';
import { signPossession } from '../../formats/possession.ts';
import type { EvidenceSource } from '../../ports/evidence.ts';
import { type EvidenceFile, readEvidenceFile } from './evidence-file.ts';

const MAX_CHAIN_BYTES = 64 * 1024;
const MAX_KEY_BYTES = 16 * 1024;

export interface X509popFiles extends Pick<EvidenceFile, 'credentials'> {
  /** PEM, the leaf first. */
  readonly certificateFile: string;
  /** PEM, not encrypted; only this user may read it. */
  readonly keyFile: string;
}

const readChain = (path: string): readonly Buffer[] => {
  const text = readEvidenceFile({ path, what: 'certificate', maxBytes: MAX_CHAIN_BYTES, secret: false });
  try {
    const chain = parsePem(text.toString('latin1'), 'CERTIFICATE');
    chain.forEach(readCertificate);
    return chain;
  } catch (error) {
    if (!(error instanceof Refusal || error instanceof DerError)) throw error;
    throw new Refusal('unavailable', `the certificate file ${path} cannot be read: ${error.message}`);
  }
};

const readKey = ({ keyFile: path, credentials }: X509popFiles): KeyObject => {
  const pem = readEvidenceFile({ path, what: 'private key', maxBytes: MAX_KEY_BYTES, secret: true, credentials });
  try {
    return createPrivateKey(pem);
  } catch {
    // The library's message may quote what it read.
    throw new Refusal('unavailable', `the private key file ${path} is not a PEM private key without a password`);
  } finally {
    pem.fill(0);
  }
};

const isPair = ([leaf]: readonly Buffer[], key: KeyObject): boolean => {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return leaf !== undefined && Buffer.compare(readCertificate(leaf).spki, spki) === 0;
};

/** A certificate that the node was given elsewhere, with a signature by its key (DEC-15). */
export const x509popEvidence = (files: X509popFiles): EvidenceSource => ({
  type: 'x509pop',
  challenged: true,
  collect: async (message) => {
    const chain = readChain(files.certificateFile);
    const key = readKey(files);
    if (!isPair(chain, key)) {
      const detail = `the key in ${files.keyFile} is not that of the certificate in ${files.certificateFile}`;
      throw new Refusal('unavailable', detail);
    }
    return {
      chain: chain.map((der) => der.toString('base64')),
      signature: signPossession(key, message).toString('base64'),
    };
  },
});
