import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { spiffeIdProblem } from '../../domain/spiffe-id.ts';
import { readCertificate } from '../../formats/certificate.ts';
import { DerError } from '../../formats/der-reader.ts';
import { OctetsInBase64 } from '../../formats/octets-schema.ts';
import type { LearnedTrust, OwnSvid } from '../../ports/agent-state.ts';

/** What lies in the files of a state folder, and its form. All are JSON with the same `version`. */

export const VERSION = 1;

const key = OctetsInBase64.transform((der, context): KeyObject => {
  try {
    return createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' });
  } catch {
    // The library's message may quote what it read.
    context.addIssue({ code: 'custom', message: 'is not a private key' });
    return z.NEVER;
  }
});

const certificates = z.array(OctetsInBase64).refine(
  (chain) => {
    try {
      chain.forEach(readCertificate);
      return true;
    } catch (error) {
      if (error instanceof DerError) return false;
      throw error;
    }
  },
  { error: 'holds what is no certificate', abort: true },
);

const version = z.literal(VERSION);

export const KeyDocument = z.strictObject({ version, key });

const holdsKey = (chain: readonly Uint8Array[], own: KeyObject): boolean => {
  const [leaf] = chain;
  const spki = createPublicKey(own).export({ type: 'spki', format: 'der' });
  return leaf !== undefined && Buffer.compare(readCertificate(leaf).spki, spki) === 0;
};

export const SvidDocument = z
  .strictObject({
    version,
    spiffeId: z.string().refine((text) => spiffeIdProblem(text) === undefined, 'is not a SPIFFE ID'),
    serial: z.string().min(1),
    chain: certificates.min(1),
    key,
    notBefore: z.int(),
    notAfter: z.int(),
    locked: z.boolean().exactOptional(),
  })
  .refine((svid) => holdsKey(svid.chain, svid.key), 'the key is not that of the certificate')
  .transform(({ version: _same, ...svid }): OwnSvid => svid);

export const TrustDocument = z.strictObject({
  version,
  anchor: z.string(),
  sequence: z.int(),
  x509Authorities: certificates,
});

export const HeadDocument = z.strictObject({ version, head: z.record(z.string(), z.unknown()) });

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

const keyText = (own: KeyObject): string => base64(own.export({ type: 'pkcs8', format: 'der' }));

export const keyDocument = (own: KeyObject): object => ({ version: VERSION, key: keyText(own) });

export const svidDocument = ({ spiffeId, serial, chain, key: own, notBefore, notAfter, locked }: OwnSvid): object => ({
  version: VERSION,
  spiffeId,
  serial,
  chain: chain.map(base64),
  key: keyText(own),
  notBefore,
  notAfter,
  ...(locked !== undefined && { locked }),
});

export const trustDocument = ({ anchor, sequence, x509Authorities }: LearnedTrust): object => ({
  version: VERSION,
  anchor,
  sequence,
  x509Authorities: x509Authorities.map(base64),
});
