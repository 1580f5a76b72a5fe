import { Refusal } from './refusal.ts';

/** The name of a trust domain in its canonical, lower-case form, without `spiffe://`. */
export type TrustDomain = string & { readonly __brand: 'TrustDomain' };

/** SPIFFE-ID §2.3: the host limit of RFC 3986. */
const MAX_TRUST_DOMAIN_BYTES = 255;

const HYPHEN = 0x2d;
const DOT = 0x2e;
const UNDERSCORE = 0x5f;

/** `a-z`, `0-9`, `.`, `-`, `_` (ID-3). No DNS rule applies: `a..b` and `1.2.3.4` are names like any other (ID-5). */
const isNameCharacter = (code: number): boolean =>
  (code >= 0x61 && code <= 0x7a) ||
  (code >= 0x30 && code <= 0x39) ||
  code === DOT ||
  code === HYPHEN ||
  code === UNDERSCORE;

/** Says what is wrong with a trust domain name, or nothing when it is valid. */
export const trustDomainProblem = (name: string): string | undefined => {
  if (name.length === 0) return 'the trust domain is empty';
  if (name.length > MAX_TRUST_DOMAIN_BYTES) return `the trust domain is longer than ${MAX_TRUST_DOMAIN_BYTES} bytes`;
  for (let at = 0; at < name.length; at++) {
    if (!isNameCharacter(name.charCodeAt(at))) return 'the trust domain may hold only a-z, 0-9, ".", "-" and "_"';
  }
  return undefined;
};

export interface ParseIdOptions {
  /** The member of the input that holds the text; it is repeated in the refusal. */
  readonly field?: string;
}

/**
 * Reads a trust domain name as a peer or a stored document writes it: nothing is repaired, upper case is refused (ID-15).
 * Throws `Refusal('invalid_request')`.
 */
export const parseTrustDomain = (name: string, options: ParseIdOptions = {}): TrustDomain => {
  const problem = trustDomainProblem(name);
  if (problem !== undefined) throw new Refusal('invalid_request', problem, options);
  return name as TrustDomain;
};

/** Folds ASCII letters only, so that no character outside ASCII turns into a valid one. */
export const foldAsciiCase = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

/** As `parseTrustDomain`, for what an operator typed: upper case is folded, nothing else is repaired (ID-15). */
export const parseOperatorTrustDomain = (name: string, options: ParseIdOptions = {}): TrustDomain =>
  parseTrustDomain(foldAsciiCase(name), options);
