import { decodeJwt, decodeProtectedHeader } from 'jose';
import type { Place, X509Svid } from './workload.ts';
import type { Told } from './reporter.ts';
import { lengthText, timeline } from './timeline.ts';

type Lines = Told['lines'];

const nowSeconds = (): number => Math.floor(Date.now() / 1000);

export const placeText = ({ epoch, index }: Place): string => `epoch ${epoch}, index ${index}`;

/** One JSON member a line, so that a person can follow with a finger. */
const jsonLines = (label: string, value: object): Lines =>
  Object.entries(value).map(([name, member], at) => [at === 0 ? label : '', `${name}: ${JSON.stringify(member)}`]);

export const describeX509 = (svid: X509Svid): Told => {
  const { spiffeId, serial, notBefore, notAfter, ledger, chain } = svid;
  return {
    facts: { spiffeId, serial, notBefore, notAfter, certificates: chain.length, ledger },
    lines: [
      ['SPIFFE ID', spiffeId],
      ['serial', serial],
      ['valid', timeline(notBefore, notAfter, nowSeconds())],
      [
        '',
        `ends in ${lengthText(Math.round((notAfter - nowSeconds()) / 60) * 60)}; began a little back, for clocks that are behind`,
      ],
      ['on record', placeText(ledger)],
    ],
  };
};

/** A JWT as what it says, without the signature that would make it usable. */
export const describeJwt = (token: string, ledger: Place, more: Readonly<Record<string, unknown>> = {}): Told => {
  const header = decodeProtectedHeader(token);
  const claims = decodeJwt(token);
  const { iat = 0, exp = 0 } = claims;
  return {
    facts: { ...more, header, claims, ledger },
    lines: [
      ...jsonLines('header', header),
      ...jsonLines('claims', claims),
      ['valid', timeline(iat, exp, nowSeconds())],
      ['on record', placeText(ledger)],
    ],
  };
};
