import { instant } from '../../src/domain/instant.ts';
import { Refusal } from '../../src/domain/refusal.ts';
import { readCertificate } from '../../src/formats/certificate.ts';
import { readX509Svid, verifyX509Svid } from '../../src/verify/x509-path.ts';
import { foreign, type Foreign, type ForeignPlan } from './foreign-certificates.ts';
import { NOW } from './x509.ts';

/** A small foreign hierarchy of `example.org`, and what the path check says of chains below it. */

export const ID = 'spiffe://example.org/api';

export const root = await foreign({ name: 'root', ca: true });
export const issuing = await foreign({ name: 'issuing', ca: true, issuer: root, pathLength: 0 });
export const leafOf = async (issuer: Foreign, changes: Partial<ForeignPlan> = {}): Promise<Foreign> =>
  foreign({ name: 'leaf', uris: [ID], issuer, ...changes });
export const leaf = await leafOf(issuing);

export interface Case {
  readonly chain: readonly Foreign[];
  readonly roots?: readonly Foreign[];
  readonly now?: number;
  readonly leewaySeconds?: number;
}

export const verifyCase = ({ chain, roots = [root], now = NOW, leewaySeconds = 0 }: Case) => {
  const anchors = roots.map(({ der }) => readCertificate(der));
  return verifyX509Svid({
    svid: readX509Svid(chain.map(({ der }) => der)),
    rootsOf: (trustDomain) => (trustDomain === 'example.org' ? anchors : undefined),
    now: instant(now * 1000),
    leewaySeconds,
  });
};

/** Why an SVID is refused, or `accepted`. */
export const reasonOf = (given: Case): string => {
  try {
    verifyCase(given);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'invalid_svid') return error.reason ?? '';
    throw error;
  }
  return 'accepted';
};
