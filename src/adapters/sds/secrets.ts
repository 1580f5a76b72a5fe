import { createHash } from 'node:crypto';
import type { HeldX509Svid, TrustBundle, WorkloadState } from '../../agent/workload-session.ts';
import { encodePem } from '../../formats/pem.ts';
import type { ValidationForm } from './envoy-node.ts';
import {
  type InlineBytes,
  type SecretMessage,
  secretType,
  SPIFFE_VALIDATOR_NAME,
  SPIFFE_VALIDATOR_TYPE_URL,
  spiffeValidatorType,
} from './messages.ts';

/** The names that stand for something else than a SPIFFE ID (SDS-1, SDS-3, SDS-5). They differ from each other. */
export interface SecretNames {
  /** The certificate of the caller's default identity. */
  readonly defaultSvid: string;
  /** The roots of the own trust domain. */
  readonly defaultBundle: string;
  /** The roots of the own and of all federated trust domains; only for the SPIFFE validator. */
  readonly allBundles: string;
}

/** As SPIRE has them, and so every Envoy configuration in the field. */
export const SECRET_NAMES: SecretNames = { defaultSvid: 'default', defaultBundle: 'ROOTCA', allBundles: 'ALL' };

/** A `Secret` as it goes over the wire. It may hold a private key. */
export interface Secret {
  /** The name by which it was asked for (SDS-6). */
  readonly name: string;
  /** A hash of the content: two of one name are the same exactly when these are (SDS-41). */
  readonly version: string;
  /** The encoded message. */
  readonly value: Uint8Array;
}

/** What one caller may have now, by name. */
export interface Secrets {
  /** The secret of this name, or nothing where the caller has none of it. */
  find(name: string): Secret | undefined;
  /** Names that make up everything the caller may have, each thing once: its SPIFFE IDs and trust domains (SDS-27). */
  readonly everything: readonly string[];
}

const inline = (label: 'CERTIFICATE' | 'PRIVATE KEY', ders: readonly Uint8Array[]): InlineBytes => ({
  inlineBytes: Buffer.from(ders.map((der) => encodePem(label, der)).join(''), 'latin1'),
});

/** SDS-7: PEM, leaf first; the key as PKCS #8. */
const tlsCertificate = (name: string, { chain, key }: HeldX509Svid): SecretMessage => ({
  name,
  tlsCertificate: { certificateChain: inline('CERTIFICATE', chain), privateKey: inline('PRIVATE KEY', [key]) },
});

/** SDS-8 and SDS-9. `bundles` have authorities, are of different trust domains, and one for plain roots. */
const validationContext = (name: string, bundles: readonly TrustBundle[], form: ValidationForm): SecretMessage => {
  if (form === 'trusted_ca') {
    const roots = bundles.flatMap(({ x509Authorities }) => x509Authorities);
    return { name, validationContext: { trustedCa: inline('CERTIFICATE', roots) } };
  }
  const trustDomains = bundles.map(({ trustDomain, x509Authorities }) => ({
    name: trustDomain,
    trustBundle: inline('CERTIFICATE', x509Authorities),
  }));
  const typedConfig = { type_url: SPIFFE_VALIDATOR_TYPE_URL, value: spiffeValidatorType.serialize({ trustDomains }) };
  return { name, validationContext: { customValidatorConfig: { name: SPIFFE_VALIDATOR_NAME, typedConfig } } };
};

const encode = (message: SecretMessage): Secret => {
  const value = secretType.serialize(message);
  return { name: message.name, version: createHash('sha256').update(value).digest('base64url').slice(0, 22), value };
};

const trustDomainName = ({ trustDomain }: TrustBundle): string => `spiffe://${trustDomain}`;

const byName = (a: TrustBundle, b: TrustBundle): number => (a.trustDomain < b.trustDomain ? -1 : 1);

/** Writes messages by name; the first of those that claim one name has it. */
const writersOf = (
  { svids, bundle, federated }: WorkloadState,
  names: SecretNames,
  form: ValidationForm,
): ReadonlyMap<string, () => SecretMessage> => {
  const writers = new Map<string, () => SecretMessage>();
  const offer = (name: string, write: () => SecretMessage): void => {
    if (!writers.has(name)) writers.set(name, write);
  };
  // Envoy refuses a trust domain without roots (SDS-11).
  const usable = [bundle, ...federated].filter(({ x509Authorities }) => x509Authorities.length > 0);
  for (const svid of svids) offer(svid.spiffeId, () => tlsCertificate(svid.spiffeId, svid));
  for (const each of usable) {
    const name = trustDomainName(each);
    offer(name, () => validationContext(name, [each], form));
  }
  const [first] = svids;
  if (first !== undefined) offer(names.defaultSvid, () => tlsCertificate(names.defaultSvid, first));
  if (usable.includes(bundle)) {
    offer(names.defaultBundle, () => validationContext(names.defaultBundle, [bundle], form));
  }
  // As plain roots it would let any trust domain speak for all of them (SDS-10).
  if (form === 'spiffe' && usable.length > 0) {
    const sorted = usable.toSorted(byName);
    offer(names.allBundles, () => validationContext(names.allBundles, sorted, form));
  }
  return writers;
};

const write = (state: WorkloadState, names: SecretNames, form: ValidationForm): Secrets => {
  const writers = writersOf(state, names, form);
  const written = new Map<string, Secret>();
  const find = (name: string): Secret | undefined => {
    const known = written.get(name);
    if (known !== undefined) return known;
    const message = writers.get(name)?.();
    if (message === undefined) return undefined;
    const secret = encode(message);
    written.set(name, secret);
    return secret;
  };
  const aliases = new Set([names.defaultSvid, names.defaultBundle, names.allBundles]);
  return { find, everything: [...writers.keys()].filter((name) => !aliases.has(name)) };
};

/** Turns the state of a caller into its secrets. */
export type SecretsOf = (state: WorkloadState, form: ValidationForm) => Secrets;

/**
 * A `SecretsOf` that writes each secret once: what was written from a state is kept for as long as the state is, so that many
 * streams of many Envoys cost little.
 */
export const createSecretsOf = (names: SecretNames): SecretsOf => {
  const kept: Record<ValidationForm, WeakMap<WorkloadState, Secrets>> = {
    spiffe: new WeakMap(),
    trusted_ca: new WeakMap(),
  };
  return (state, form) => {
    const known = kept[form].get(state);
    if (known !== undefined) return known;
    const secrets = write(state, names, form);
    kept[form].set(state, secrets);
    return secrets;
  };
};
