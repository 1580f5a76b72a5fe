import { createHash } from 'node:crypto';

/** A strong entity tag of a document: the first 16 octets of its SHA-256 (DEC-24, RFC 9110 §8.8.3). */
export const strongEtag = (document: string | Uint8Array): string =>
  `"${createHash('sha256').update(document).digest().subarray(0, 16).toString('base64url')}"`;
