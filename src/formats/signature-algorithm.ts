import { readWhole } from './der-reader.ts';
import { objectIdentifierText } from './object-identifier.ts';

/** How a certificate or request is signed, in node:crypto's terms. */
export interface SignatureAlgorithm {
  readonly family: 'ecdsa' | 'rsa';
  readonly hash: 'sha256' | 'sha384' | 'sha512';
}

/** ECDSA (RFC 5758 §3.2) and RSA PKCS #1 v1.5 (RFC 4055 §5), over SHA-2 only. */
const ALGORITHMS: Record<string, SignatureAlgorithm | undefined> = {
  '1.2.840.10045.4.3.2': { family: 'ecdsa', hash: 'sha256' },
  '1.2.840.10045.4.3.3': { family: 'ecdsa', hash: 'sha384' },
  '1.2.840.10045.4.3.4': { family: 'ecdsa', hash: 'sha512' },
  '1.2.840.113549.1.1.11': { family: 'rsa', hash: 'sha256' },
  '1.2.840.113549.1.1.12': { family: 'rsa', hash: 'sha384' },
  '1.2.840.113549.1.1.13': { family: 'rsa', hash: 'sha512' },
};

/**
 * Reads an AlgorithmIdentifier; undefined when it is not one of ours or has the wrong parameters. ECDSA has none; RSA has
 * NULL, or none, which RFC 4055 §2.1 asks readers to accept. Throws a `DerError` when it is malformed.
 */
export const readSignatureAlgorithm = (der: Uint8Array): SignatureAlgorithm | undefined => {
  const identifier = readWhole(der, 0x30);
  const algorithm = ALGORITHMS[objectIdentifierText(identifier.read(0x06))];
  if (identifier.atEnd) return algorithm;
  const parameters = identifier.read();
  identifier.end();
  const isNull = parameters.tag === 0x05 && parameters.content.length === 0;
  return algorithm?.family === 'rsa' && isNull ? algorithm : undefined;
};
