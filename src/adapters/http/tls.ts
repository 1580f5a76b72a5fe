import { constants } from 'node:crypto';
import type { ServerOptions } from 'node:https';

/** Who the server says it is: PEM, the leaf first. */
export interface TlsIdentity {
  readonly certificateChain: string;
  readonly privateKey: string;
}

/** Gives the identity of now, and calls back when there is a new one. */
export interface TlsIdentityProvider {
  current(): TlsIdentity;
  /** Returns a function that ends it. */
  onChange(changed: (identity: TlsIdentity) => void): () => void;
}

/** AEAD with forward secrecy only (BCP 195, FA-07): the suites of TLS 1.3, then those of TLS 1.2. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

const { SSL_OP_NO_TICKET, SSL_OP_NO_RENEGOTIATION, SSL_OP_CIPHER_SERVER_PREFERENCE } = constants;

/** What holds for the context of an identity; again with each new one, since a new context starts from the defaults. */
export const secureContextOptions = (identity: TlsIdentity, clientCertificates: boolean) => ({
  cert: identity.certificateChain,
  key: identity.privateKey,
  minVersion: 'TLSv1.2' as const,
  ciphers: CIPHERS,
  // Where client certificates are asked for, no session is resumed: a resumed one hides what the client presented (DEC-19).
  secureOptions:
    SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | (clientCertificates ? SSL_OP_NO_TICKET : 0),
});

/** Options of a TLS server. With `clientCertificates` it asks for one, and lets everybody in: our own checks decide later. */
export const tlsServerOptions = (
  identity: TlsIdentity,
  clientCertificates: boolean,
  handshakeTimeoutMs: number,
): ServerOptions => ({
  ...secureContextOptions(identity, clientCertificates),
  requestCert: clientCertificates,
  rejectUnauthorized: false,
  handshakeTimeout: handshakeTimeoutMs,
  ALPNProtocols: ['http/1.1'],
});
