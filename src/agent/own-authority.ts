import { readCertificate } from '../formats/certificate.ts';
import type { OwnSvid } from '../ports/agent-state.ts';

/** Whether an authority in the chain of an SVID is among those whose key ids (hexadecimal) are given (DEC-22). */
export const isTainted = ({ chain }: Pick<OwnSvid, 'chain'>, tainted: readonly string[]): boolean => {
  if (tainted.length === 0) return false;
  const ids = new Set(tainted);
  return chain.map(readCertificate).some(({ authorityKeyId }) => {
    return authorityKeyId !== undefined && ids.has(Buffer.from(authorityKeyId).toString('hex'));
  });
};

/** Whether the chain of an SVID ends below one of these roots (DER), by the key that it names. */
export const isUnder = ({ chain }: Pick<OwnSvid, 'chain'>, roots: readonly Uint8Array[]): boolean => {
  const last = chain.at(-1);
  const issuer = last && readCertificate(last).authorityKeyId;
  if (issuer === undefined) return false;
  return roots.map(readCertificate).some(({ subjectKeyId }) => {
    return subjectKeyId !== undefined && Buffer.compare(subjectKeyId, issuer) === 0;
  });
};
