import { X509Certificate } from 'node:crypto';
import { Refusal } from '../domain/refusal.ts';
import { parseTrustDomain, type TrustDomain } from '../domain/trust-domain.ts';
import { tryDecodeBase64 } from './base64url.ts';
import { importJwk, MAX_KEYS, withoutDuplicates, type VerificationKey } from './jwk-import.ts';
import { jwkThumbprint, publicJwk } from './jwk.ts';
import { isJsonObject, parseJsonObject, type JsonObject, type JsonValue } from './json.ts';

/** A SPIFFE bundle as read; the document does not name its trust domain, the reader does (TDB-10). */
export interface Bundle {
  readonly trustDomain: TrustDomain;
  /** DER of the CA certificates; none means that the trust domain has no X509-SVIDs (X509-75). */
  readonly x509Authorities: readonly Uint8Array[];
  /** None means that the trust domain has no JWT-SVIDs (JWT-43). */
  readonly jwtKeys: readonly VerificationKey[];
  readonly sequence?: bigint;
  /** Seconds. */
  readonly refreshHint?: number;
  /** Why entries were left out, in order; for the operator. */
  readonly ignored: readonly string[];
}

export interface ReadBundleOptions {
  /** Octets; 1 MiB unless told. */
  readonly maxBytes?: number;
}

const MAX_BUNDLE_BYTES = 1024 * 1024;
const MAX_MAP_BYTES = 16 * 1024 * 1024;
const MAX_DEPTH = 8;

const malformed = (reason: string): Refusal =>
  new Refusal('invalid_request', `the bundle is not acceptable: ${reason}`, { reason });

const sequenceOf = (set: JsonObject): bigint | undefined => {
  const value = set['spiffe_sequence'];
  if (value === undefined || typeof value === 'bigint') return value;
  if (typeof value !== 'number' || !Number.isInteger(value)) throw malformed('spiffe_sequence is not an integer');
  return BigInt(value);
};

const refreshHintOf = (set: JsonObject): number | undefined => {
  const value = set['spiffe_refresh_hint'];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) {
    throw malformed('spiffe_refresh_hint is not a whole number of seconds');
  }
  return value;
};

const unusable = (reason: string): Refusal => new Refusal('unsupported_key', reason, { reason });

const readCertificate = (der: Buffer): X509Certificate => {
  try {
    return new X509Certificate(der);
  } catch {
    throw unusable('its x5c is no certificate');
  }
};

/** Node throws for a key that does not load, `publicJwk` for one of a kind that has no JWK here. */
const thumbprintOf = (certificate: X509Certificate): string => {
  try {
    return jwkThumbprint(publicJwk(certificate.publicKey));
  } catch {
    throw unusable('the key of its certificate cannot be used');
  }
};

/** X509-74: the first value counts, the rest is ignored. The key members have to be the certificate's own (X509-73). */
const x509Authority = (entry: JsonObject): Uint8Array => {
  const { x5c } = entry;
  const first: unknown = Array.isArray(x5c) ? x5c[0] : undefined;
  const der = typeof first === 'string' ? tryDecodeBase64(first) : undefined;
  if (der === undefined || der.length === 0) throw unusable('its x5c holds no certificate');
  const certificate = readCertificate(der);
  // node:crypto also reads PEM; only DER, and all of it, may count as one.
  if (!certificate.raw.equals(der)) throw unusable('its x5c is not the DER of one certificate');
  const { jwk } = importJwk(entry, { uses: ['x509-svid'] });
  if (jwkThumbprint(jwk) !== thumbprintOf(certificate)) {
    throw unusable('its key is not that of its certificate');
  }
  return der;
};

const jwtKey = (entry: JsonObject): VerificationKey => {
  const key = importJwk(entry, { uses: ['jwt-svid'] });
  if (key.kid === undefined || key.kid === '') throw unusable('it has no kid');
  return key;
};

interface Keys {
  readonly x509Authorities: Map<string, Uint8Array>;
  readonly jwtKeys: VerificationKey[];
  readonly ignored: string[];
}

const readEntry = (entry: JsonValue, keys: Keys): void => {
  if (!isJsonObject(entry)) throw unusable('it is not an object');
  if (entry['use'] === 'x509-svid') {
    const der = x509Authority(entry);
    keys.x509Authorities.set(Buffer.from(der).toString('base64'), der);
  } else if (entry['use'] === 'jwt-svid') {
    keys.jwtKeys.push(jwtKey(entry));
  } else {
    throw unusable('its use is missing or unknown');
  }
};

/** TDB-5: an entry that is not understood is left out, the others count. */
const readKeys = (entries: readonly JsonValue[]): Keys => {
  const keys: Keys = { x509Authorities: new Map(), jwtKeys: [], ignored: [] };
  for (const [at, entry] of entries.entries()) {
    try {
      readEntry(entry, keys);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      keys.ignored.push(`keys[${at}]: ${error.reason ?? error.message}`);
    }
  }
  return keys;
};

const bundleOf = (set: JsonObject, trustDomain: TrustDomain): Bundle => {
  const entries = set['keys'];
  if (!Array.isArray(entries)) throw malformed('keys is missing or not a list');
  if (entries.length > MAX_KEYS) throw malformed(`it has more than ${MAX_KEYS} keys`);
  const { x509Authorities, jwtKeys, ignored } = readKeys(entries);
  const sequence = sequenceOf(set);
  const refreshHint = refreshHintOf(set);
  return {
    trustDomain,
    x509Authorities: [...x509Authorities.values()],
    jwtKeys: withoutDuplicates(jwtKeys),
    ...(sequence !== undefined && { sequence }),
    ...(refreshHint !== undefined && { refreshHint }),
    ignored,
  };
};

/**
 * Reads the SPIFFE bundle of `trustDomain`. Refuses with `invalid_request` (or `payload_too_large`) a document that is not
 * strict JSON, has no `keys` or more than 100, or a sequence or hint of another type; with `unsupported_key` one `kid`
 * for two keys (JWT-44). An empty bundle is valid and revokes everything (TDB-4, TDB-6).
 */
export const readBundle = (
  document: string | Uint8Array,
  trustDomain: TrustDomain,
  options: ReadBundleOptions = {},
): Bundle => {
  const maxBytes = options.maxBytes ?? MAX_BUNDLE_BYTES;
  return bundleOf(parseJsonObject(document, { maxBytes, maxDepth: MAX_DEPTH, bigIntegers: true }), trustDomain);
};

/**
 * Reads a SPIFFE bundle map (TDB-30 … TDB-33) as one state of the world: a name that is no trust domain, a name that stands
 * twice or one bad bundle refuses the whole map. Refresh hints inside are dropped (TDB-32).
 */
export const readBundleMap = (
  document: string | Uint8Array,
  options: ReadBundleOptions = {},
): ReadonlyMap<TrustDomain, Bundle> => {
  const maxBytes = options.maxBytes ?? MAX_MAP_BYTES;
  const map = parseJsonObject(document, { maxBytes, maxDepth: MAX_DEPTH, bigIntegers: true });
  const domains = map['trust_domains'];
  if (!isJsonObject(domains)) throw malformed('trust_domains is missing or not an object');
  const bundles = new Map<TrustDomain, Bundle>();
  for (const [name, value] of Object.entries(domains)) {
    if (!isJsonObject(value)) throw malformed('a bundle in the map is not an object');
    const { refreshHint: _dropped, ...bundle } = bundleOf(value, parseTrustDomain(name));
    bundles.set(bundle.trustDomain, bundle);
  }
  return bundles;
};
