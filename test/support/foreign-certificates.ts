import { webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from './peculiar-x509.ts';
import { NOW } from './x509.ts';

/**
 * Chains for the path check, made with @peculiar/x509 and not with the writer under test, so that they can hold whatever a
 * stranger may send.
 */

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
type Keys = webcrypto.CryptoKeyPair;

export const ecKeys = async (namedCurve = 'P-256'): Promise<Keys> =>
  webcrypto.subtle.generateKey({ ...EC, namedCurve }, true, ['sign', 'verify']);

export interface Foreign {
  readonly der: Buffer;
  readonly name: string;
  readonly keys: Keys;
}

export interface ForeignPlan {
  readonly name: string;
  /** Signs itself when absent. */
  readonly issuer?: Foreign;
  readonly keys?: Keys;
  readonly ca?: boolean;
  readonly pathLength?: number;
  readonly usage?: KeyUsageFlags | 'none';
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly uris?: readonly string[];
  readonly purposes?: readonly string[];
  readonly hash?: string;
  readonly keyIds?: boolean;
  readonly more?: readonly Extension[];
}

const usageOf = ({ usage, ca = false }: ForeignPlan): Extension[] => {
  if (usage === 'none') return [];
  const flags = usage ?? (ca ? KeyUsageFlags.keyCertSign : KeyUsageFlags.digitalSignature);
  return [new KeyUsagesExtension(flags, true)];
};

let serials = 0;

export const foreign = async (plan: ForeignPlan): Promise<Foreign> => {
  const keys = plan.keys ?? (await ecKeys());
  const { name, issuer, uris = [], purposes = [] } = plan;
  serials += 1;
  const keyIds =
    plan.keyIds === false
      ? []
      : [
          await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
          await AuthorityKeyIdentifierExtension.create((issuer?.keys ?? keys).publicKey, false, webcrypto),
        ];
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: serials.toString(16).padStart(4, '0'),
      subject: `CN=${name}`,
      issuer: `CN=${issuer?.name ?? name}`,
      notBefore: new Date((plan.notBefore ?? NOW - 600) * 1000),
      notAfter: new Date((plan.notAfter ?? NOW + 600) * 1000),
      publicKey: keys.publicKey,
      signingKey: (issuer?.keys ?? keys).privateKey,
      signingAlgorithm: { ...EC, hash: plan.hash ?? 'SHA-256' },
      extensions: [
        new BasicConstraintsExtension(plan.ca ?? false, plan.pathLength, true),
        ...usageOf(plan),
        ...(purposes.length === 0 ? [] : [new ExtendedKeyUsageExtension([...purposes])]),
        ...keyIds,
        ...(uris.length === 0
          ? []
          : [new SubjectAlternativeNameExtension(uris.map((value) => ({ type: 'url' as const, value })))]),
        ...(plan.more ?? []),
      ],
    },
    webcrypto,
  );
  return { der: Buffer.from(certificate.rawData), name, keys };
};
