import { commonNameProblem } from './x509-profile.ts';

const MAX_DNS_NAME_BYTES = 253;
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** Decimal or, as many address parsers read it, hexadecimal. */
const NUMBER = /^([0-9]+|0x[0-9a-f]*)$/;

/** Says what is wrong with a lower-case host name (RFC 1123 §2.1), or nothing. A name that could be an IPv4 address is none. */
const hostNameProblem = (name: string): string | undefined => {
  const labels = name.split('.');
  if (!labels.every((label) => LABEL.test(label))) {
    return 'a DNS name is labels of a-z, 0-9 and "-", 1 to 63 each, joined by dots';
  }
  return NUMBER.test(labels.at(-1) ?? '') ? 'the last label of a DNS name is not a number' : undefined;
};

const escape = (text: string): string => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');

/** Does `text` match `pattern` as a whole? `*` stands for one or more characters, everything else for itself. */
const matchesPattern = (pattern: string, text: string): boolean =>
  new RegExp(`^${pattern.split('*').map(escape).join('.+')}$`, 'su').test(text);

/**
 * Says what is wrong with a DNS name of an entry, or nothing (DEC-25). Without a pattern that it matches a name is refused.
 * A wildcard (`*.` and a host name) is accepted only where a pattern is written exactly so: a pattern that covers many
 * names does not by itself allow one certificate for all of them.
 */
export const dnsNameProblem = (name: string, patterns: readonly string[]): string | undefined => {
  if (name.length > MAX_DNS_NAME_BYTES) return `a DNS name has at most ${MAX_DNS_NAME_BYTES} bytes`;
  if (name.startsWith('*.')) {
    const problem = hostNameProblem(name.slice(2));
    if (problem !== undefined) return problem;
    return patterns.includes(name) ? undefined : 'a wildcard is allowed only where a configured pattern equals it';
  }
  const problem = hostNameProblem(name);
  if (problem !== undefined) return problem;
  return patterns.some((pattern) => matchesPattern(pattern, name))
    ? undefined
    : 'the DNS name matches no configured pattern';
};

/** Says what is wrong with a common name of an entry, or nothing (DEC-25). */
export const entryCommonNameProblem = (name: string, patterns: readonly string[]): string | undefined => {
  const problem = commonNameProblem(name);
  if (problem !== undefined) return problem;
  return patterns.some((pattern) => matchesPattern(pattern, name))
    ? undefined
    : 'the common name matches no configured pattern';
};
