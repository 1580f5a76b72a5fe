import { Refusal } from '../domain/refusal.ts';
import { trustDomainProblem, type TrustDomain } from '../domain/trust-domain.ts';
import { tryDecodeBase64 } from '../formats/base64url.ts';
import { certificateThumbprint } from '../formats/certificate-hash.ts';
import { readCertificate, type Certificate } from '../formats/certificate.ts';
import { DerError } from '../formats/der-reader.ts';
import { importJwk, type VerificationKey } from '../formats/jwk-import.ts';
import type { SyncBundle } from '../formats/sync-message.ts';
import type { TrustBundle } from './workload-session.ts';

/** A bundle as workloads see it, and read for what the agent itself verifies. */
export interface ReadTrustBundle extends TrustBundle {
  readonly anchors: readonly Certificate[];
  /** Their thumbprints. */
  readonly anchorIds: ReadonlySet<string>;
  readonly verificationKeys: readonly VerificationKey[];
}

/** The members of a JWK that workloads get: what makes the key, and its `kid` (WLAPI-44). */
const KEY_MEMBERS = ['kty', 'kid', 'crv', 'x', 'y', 'n', 'e'];

const plainKey = (jwk: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(jwk).filter(([name]) => KEY_MEMBERS.includes(name)));

/** Undefined for a key that cannot be used: it is left out, since some clients drop a whole set because of one such key. */
const readKey = (jwk: Readonly<Record<string, string>>): VerificationKey | undefined => {
  if (jwk['kid'] === undefined || jwk['kid'] === '') return undefined;
  try {
    return importJwk(plainKey(jwk));
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
};

const readAnchor = (text: string): Certificate | undefined => {
  const der = tryDecodeBase64(text);
  try {
    return der && readCertificate(der);
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
};

const read = (bundle: SyncBundle): ReadTrustBundle | undefined => {
  if (trustDomainProblem(bundle.trustDomain) !== undefined) return undefined;
  const anchors = bundle.x509Authorities.map(readAnchor).filter((anchor) => anchor !== undefined);
  const keys = bundle.jwtKeys.map((jwk) => ({ jwk: plainKey(jwk), key: readKey(jwk) }));
  const usable = keys.filter(({ key }) => key !== undefined);
  return {
    trustDomain: bundle.trustDomain as TrustDomain,
    x509Authorities: anchors.map(({ der }) => der),
    jwtKeySet: JSON.stringify({ keys: usable.map(({ jwk }) => jwk) }),
    anchors,
    anchorIds: new Set(anchors.map(({ der }) => certificateThumbprint(der))),
    verificationKeys: usable.map(({ key }) => key).filter((key) => key !== undefined),
  };
};

/** What workloads see of a bundle: its sequence may grow while this stays the same. */
const contentOf = ({ x509Authorities, jwtKeys }: SyncBundle): string => JSON.stringify([x509Authorities, jwtKeys]);

/** Reads bundles; the same content gives the same object, so that what is made from it can be kept. */
export class TrustBundles {
  readonly #read = new WeakMap<SyncBundle, { readonly bundle: ReadTrustBundle | undefined }>();
  readonly #last = new Map<string, { readonly content: string; readonly bundle: ReadTrustBundle | undefined }>();

  /** Leaves out what is malformed; undefined when the bundle names no valid trust domain. */
  of(bundle: SyncBundle): ReadTrustBundle | undefined {
    const known = this.#read.get(bundle);
    if (known) return known.bundle;
    const content = contentOf(bundle);
    const last = this.#last.get(bundle.trustDomain);
    const made = last?.content === content ? last : { content, bundle: read(bundle) };
    this.#last.set(bundle.trustDomain, made);
    this.#read.set(bundle, made);
    return made.bundle;
  }
}
