import { Refusal } from './refusal.ts';
import {
  foldAsciiCase,
  parseTrustDomain,
  trustDomainProblem,
  type ParseIdOptions,
  type TrustDomain,
} from './trust-domain.ts';

/** A valid SPIFFE ID with a lower-case scheme and trust domain (ID-14). Two IDs are the same exactly when the strings are. */
export type SpiffeId = string & { readonly __brand: 'SpiffeId' };

/** SPIFFE-ID §2.3; every part counts. */
const MAX_SPIFFE_ID_BYTES = 2048;

const PREFIX = 'spiffe://';
const SLASH = 0x2f;
const DOT = 0x2e;

const isSegmentCharacter = (code: number): boolean =>
  (code >= 0x61 && code <= 0x7a) ||
  (code >= 0x41 && code <= 0x5a) ||
  (code >= 0x30 && code <= 0x39) ||
  code === DOT ||
  code === 0x2d ||
  code === 0x5f;

const segmentProblem = (text: string, start: number, end: number): string | undefined => {
  if (start === end) return 'the path holds an empty segment';
  const isDots = end - start <= 2 && text.charCodeAt(start) === DOT && text.charCodeAt(end - 1) === DOT;
  return isDots ? 'the path holds a "." or ".." segment' : undefined;
};

/** `text` from `start` is empty or `/segment` once or more (ID-6 … ID-9). */
const pathProblem = (text: string, start: number): string | undefined => {
  if (start === text.length) return undefined;
  let segment = start + 1;
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === SLASH) {
      const problem = segmentProblem(text, segment, at);
      if (problem !== undefined) return problem;
      segment = at + 1;
    } else if (!isSegmentCharacter(code)) {
      return 'the path may hold only a-z, A-Z, 0-9, ".", "-", "_" and "/"';
    }
  }
  if (segment === text.length) return 'the path ends with a slash';
  return segmentProblem(text, segment, text.length);
};

const authorityEnd = (text: string): number => {
  const slash = text.indexOf('/', PREFIX.length);
  return slash === -1 ? text.length : slash;
};

/**
 * Says what is wrong with a SPIFFE ID, or nothing when it is valid. A scanner of characters, because the WHATWG URL
 * parser repairs what has to be refused (ID-15).
 */
export const spiffeIdProblem = (text: string): string | undefined => {
  // Only ASCII passes below, so that characters are bytes.
  if (text.length > MAX_SPIFFE_ID_BYTES) return `a SPIFFE ID has at most ${MAX_SPIFFE_ID_BYTES} bytes`;
  if (!text.startsWith(PREFIX)) return 'a SPIFFE ID starts with spiffe://';
  const end = authorityEnd(text);
  return trustDomainProblem(text.slice(PREFIX.length, end)) ?? pathProblem(text, end);
};

/**
 * Reads a SPIFFE ID as a peer writes it in a certificate or a token: nothing is repaired, upper case in scheme or trust
 * domain is refused (SPIFFE-ID §2.1, ID-15). Throws `Refusal('invalid_request')`.
 */
export const parseSpiffeId = (text: string, options: ParseIdOptions = {}): SpiffeId => {
  const problem = spiffeIdProblem(text);
  if (problem !== undefined) throw new Refusal('invalid_request', problem, options);
  return text as SpiffeId;
};

/** As `parseSpiffeId`, for what an operator typed: scheme and trust domain are folded to lower case (ID-15). */
export const parseOperatorSpiffeId = (text: string, options: ParseIdOptions = {}): SpiffeId => {
  const end = authorityEnd(text);
  return parseSpiffeId(foldAsciiCase(text.slice(0, end)) + text.slice(end), options);
};

/** The SPIFFE ID `spiffe://<trust domain><path>`; `path` is empty or starts with a slash. Refuses as `parseSpiffeId`. */
export const spiffeIdFromPath = (trustDomain: TrustDomain, path: string, options: ParseIdOptions = {}): SpiffeId => {
  if (path !== '' && !path.startsWith('/')) throw new Refusal('invalid_request', 'a path starts with a slash', options);
  return parseSpiffeId(`${PREFIX}${parseTrustDomain(trustDomain)}${path}`, options);
};

export const trustDomainOf = (id: SpiffeId): TrustDomain => id.slice(PREFIX.length, authorityEnd(id)) as TrustDomain;

/** The path with its leading slash, or the empty string for the ID of a trust domain. */
export const pathOf = (id: SpiffeId): string => id.slice(authorityEnd(id));

export const isMember = (id: SpiffeId, trustDomain: TrustDomain): boolean => trustDomainOf(id) === trustDomain;

/**
 * Whether `id` is `prefix` or lies below it. Whole segments count: `/db` covers `/db/main` and never `/dbx` (DEC-6). The
 * ID of a trust domain covers every member.
 */
export const isPathPrefix = (prefix: SpiffeId, id: SpiffeId): boolean =>
  id.startsWith(prefix) && (id.length === prefix.length || id.charCodeAt(prefix.length) === SLASH);

/** Every prefix that covers `id`, longest first: the ID itself, then whole segments fewer, down to the trust domain's. */
export function* prefixesOf(id: SpiffeId): Generator<SpiffeId> {
  yield id;
  const shortest = authorityEnd(id);
  for (let end = id.length; end > shortest; ) {
    end = id.lastIndexOf('/', end - 1);
    yield id.slice(0, end) as SpiffeId;
  }
}

const RESERVED_PATH = '/mayfly';

/** The answer of the last call: a process asks for the same trust domain at every request. */
let lastServer: { readonly trustDomain: TrustDomain; readonly id: SpiffeId } | undefined;

/** The one ID under which agents and the command line accept a server (DEC-18). */
export const serverId = (trustDomain: TrustDomain): SpiffeId => {
  if (lastServer?.trustDomain !== trustDomain) {
    lastServer = { trustDomain, id: spiffeIdFromPath(trustDomain, `${RESERVED_PATH}/server`) };
  }
  return lastServer.id;
};

/** The ID of an agent (DEC-18). `attestor` and `name` are one path segment each; anything else is refused. */
export const agentId = (trustDomain: TrustDomain, attestor: string, name: string): SpiffeId => {
  if (attestor.includes('/') || name.includes('/')) {
    throw new Refusal('invalid_request', 'the attestor and the name of an agent are one path segment each');
  }
  return spiffeIdFromPath(trustDomain, `${RESERVED_PATH}/agent/${attestor}/${name}`);
};

/** IDs below `/mayfly` belong to servers and agents; no entry may name one (DEC-18). */
export const isReserved = (id: SpiffeId): boolean => {
  const path = pathOf(id);
  return path === RESERVED_PATH || path.startsWith(`${RESERVED_PATH}/`);
};
