import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { TrustDomain } from '../../domain/trust-domain.ts';
import { canonicalJson } from '../../formats/canonical-json.ts';
import type { GivenHead, HeadAuthenticator } from '../../ports/heads.ts';

const VERSION = 'mayfly-head-1';
const MAC_BYTES = 32;

/**
 * HMAC-SHA256 over a head and the trust domain, under a key derived from the seal key (RFC 5869). The store may be rolled
 * back, the seal key is not in it: so a head from the lost future is still known as ours. A head from before the seal key was
 * changed is not; that agent is believed again from its next greeting on.
 */
export const headAuthenticator = (sealKey: Uint8Array, trustDomain: TrustDomain): HeadAuthenticator => {
  const key = Buffer.from(hkdfSync('sha256', sealKey, new Uint8Array(), VERSION, MAC_BYTES));
  const macOf = ({ logId, epoch, size, root, agent }: GivenHead): Buffer =>
    createHmac('sha256', key)
      .update(canonicalJson({ version: VERSION, trustDomain, logId, epoch, size, root, agent }))
      .digest();
  return {
    sign: (head) => ({ ...head, mac: macOf(head).toString('hex') }),
    isOurs: (head) => {
      const claimed = Buffer.from(head.mac, 'hex');
      return claimed.length === MAC_BYTES && timingSafeEqual(claimed, macOf(head));
    },
  };
};
