import { type Held, heldFrom } from '../../test/support/journey.ts';
import type { TestKey } from '../../test/support/x509.ts';

/** An X.509-SVID that somebody uses until the next one. */
export interface Credential extends Held {
  /** Made-up milliseconds. */
  readonly issuedAt: number;
  /** When its holder asks for the next one: at 40 to 50 % of its life (DEC-36). Milliseconds. */
  readonly renewAt: number;
}

/** However short a life is. */
const SOONEST_MS = 60_000;

export const credentialFrom = (answer: unknown, key: TestKey, issuedAt: number): Credential => {
  const held = heldFrom(answer, key);
  const life = (held.notAfter - held.notBefore) * 1000;
  const share = 0.4 + Math.random() / 10;
  const renewAt = Math.max(held.notBefore * 1000 + Math.floor(life * share), issuedAt + SOONEST_MS);
  return { ...held, issuedAt, renewAt };
};
