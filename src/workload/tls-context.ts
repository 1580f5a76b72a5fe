import { constants } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { TlsSource } from './peer.ts';
import { privateKeyPem } from './x509-context.ts';

/**
 * No session is resumed, since a resumed one is not checked, and nothing is negotiated again, since then somebody else might
 * speak than who was checked.
 */
const SECURE_OPTIONS = constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION;

/** What both sides of a handshake have in common. Throws `no_identity` when the source has none. */
export const identityOptions = (source: TlsSource) => {
  const svid = source.svid();
  return {
    cert: svid.certificatePem,
    key: privateKeyPem(svid),
    secureOptions: SECURE_OPTIONS,
  };
};

/** The CAs of all trust domains: who of them counts is decided by our own check, which goes by trust domain. */
export const authoritiesOf = (source: TlsSource): string[] => [...source.bundles().values()].map(({ pem }) => pem);

export interface ClientContext {
  readonly context: SecureContext;
  readonly id: number;
}

interface Known extends ClientContext {
  readonly bundles: object;
}

let contexts = 0;
const known = new WeakMap<object, Known>();

/** What a client shows and believes now; made once for each rotation. Throws `no_identity` when the source has none. */
export const clientContext = (source: TlsSource): ClientContext => {
  const svid = source.svid();
  const bundles = source.bundles();
  const held = known.get(svid);
  if (held?.bundles === bundles) return held;
  const context = createSecureContext({
    ...identityOptions(source),
    ca: authoritiesOf(source),
    // An authority need not have signed itself.
    allowPartialTrustChain: true,
  });
  contexts += 1;
  const made = { context, id: contexts, bundles };
  known.set(svid, made);
  return made;
};
