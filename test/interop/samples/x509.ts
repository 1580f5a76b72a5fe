import { X509Certificate } from 'node:crypto';
import { encodePem } from '../../../src/formats/pem.ts';
import type { X509LeafPlan } from '../../../src/domain/x509-profile.ts';
import { issueLeaf, leafPlan, newCa, newKey, type TestCa, type TestKey } from '../../support/x509.ts';
import type { Rule, SampleFolder } from './manifest.ts';

/** The moment of this run, in Unix seconds: readers without a clock of their choice look at the samples right after. */
export const NOW = Math.floor(Date.now() / 1000);
const DAY = 86_400;
const VALIDITY = { notBefore: NOW - DAY, notAfter: NOW + 7 * DAY };

export type Ders = readonly Uint8Array[];

/** A root and an issuing CA below it. */
export interface Hierarchy {
  readonly root: TestCa;
  readonly issuing: TestCa;
}

export const newHierarchy = async (type: TestKey['type'], issuingType = type): Promise<Hierarchy> => {
  const root = await newCa(undefined, newKey(type), VALIDITY);
  return { root, issuing: await newCa(root, newKey(issuingType), VALIDITY) };
};

/** A leaf of ours that is good now. */
export const ourLeaf = (issuing: TestCa, key: TestKey, changes: Partial<X509LeafPlan> = {}): Promise<Buffer> =>
  issueLeaf(issuing, leafPlan(issuing, key, { notBefore: NOW - 10, notAfter: NOW + 3600, ...changes }));

export const pem = (ders: Ders): string => ders.map((der) => encodePem('CERTIFICATE', der)).join('');

/** The names in a certificate, as Node.js finds them. */
const factsOf = (der: Uint8Array): Record<string, unknown> => {
  const { subject, subjectAltName = '', validToDate } = new X509Certificate(der);
  const names = (type: string): string[] =>
    subjectAltName.split(', ').flatMap((name) => (name.startsWith(`${type}:`) ? [name.slice(type.length + 1)] : []));
  return {
    uris: names('URI'),
    dnsNames: names('DNS'),
    commonName: /^CN=(.*)$/m.exec(subject)?.[1] ?? '',
    notAfter: validToDate.getTime() / 1000,
  };
};

export interface X509Sample {
  readonly chain: Ders;
  readonly roots: Ders;
  readonly breaks?: Rule;
  readonly host?: string;
  readonly address?: string;
}

export const addX509 = (folder: SampleFolder, name: string, { chain, roots, ...more }: X509Sample): void => {
  const path = `x509/${name.replaceAll(/[^a-z0-9]+/gi, '-')}`;
  const [leaf] = chain;
  folder.add({
    kind: 'x509',
    name,
    chain: folder.file(`${path}.pem`, pem(chain)),
    roots: folder.file(`${path}.roots.pem`, pem(roots)),
    ...(more.breaks === undefined && leaf !== undefined && { facts: factsOf(leaf) }),
    ...more,
  });
};
