import { createHash } from 'node:crypto';

/** `x5t#S256`: base64url of the SHA-256 of a certificate's DER (RFC 8705 §3.1). Binds an access token to a certificate. */
export const certificateThumbprint = (der: Uint8Array): string => createHash('sha256').update(der).digest('base64url');
