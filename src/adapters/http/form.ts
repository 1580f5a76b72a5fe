import { Refusal } from '../../domain/refusal.ts';

const MAX_PARAMETERS = 64;

const malformed = (detail: string): Refusal => new Refusal('invalid_request', detail);

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Percent-decoding in which nothing is repaired: a bad escape or bad UTF-8 is refused (CC-06). */
const decode = (text: string): string => {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    throw malformed('a parameter is not well-formed percent-encoded UTF-8');
  }
};

/** Names and values of `application/x-www-form-urlencoded`, in order, without those that are empty (CC-03). */
const formPairs = (text: string): readonly (readonly [string, string])[] => {
  const pairs: [string, string][] = [];
  if (text === '') return pairs;
  for (const part of text.split('&')) {
    if (part === '') continue;
    if (pairs.length === MAX_PARAMETERS) throw malformed(`there are more than ${MAX_PARAMETERS} parameters`);
    const equals = part.indexOf('=');
    const name = decode(equals === -1 ? part : part.slice(0, equals));
    const value = equals === -1 ? '' : decode(part.slice(equals + 1));
    if (value !== '') pairs.push([name, value]);
  }
  return pairs;
};

/** The text of a form's octets; refuses what is not UTF-8 (CC-06). */
export const formText = (octets: Uint8Array): string => {
  try {
    return utf8.decode(octets);
  } catch {
    throw malformed('the form is not UTF-8');
  }
};

/**
 * A form as an object of text. A parameter in `repeatable` is an array however often it came; any other that comes twice is
 * refused, known or not (CC-05).
 */
export const parseForm = (text: string, repeatable: readonly string[] = []): Record<string, string | string[]> => {
  const form = new Map<string, string | string[]>();
  for (const [name, value] of formPairs(text)) {
    const held = form.get(name);
    if (Array.isArray(held)) held.push(value);
    else if (repeatable.includes(name)) form.set(name, [value]);
    else if (held === undefined) form.set(name, value);
    else throw new Refusal('invalid_request', 'a parameter came more than once', { field: printableName(name) });
  }
  return Object.fromEntries(form);
};

/** A query as an object of text; a parameter that is repeated becomes an array. */
export const parseQuery = (text: string): Record<string, string | string[]> => {
  const query = new Map<string, string | string[]>();
  for (const [name, value] of formPairs(text)) {
    const held = query.get(name);
    if (Array.isArray(held)) held.push(value);
    else query.set(name, held === undefined ? value : [held, value]);
  }
  return Object.fromEntries(query);
};

/** Names of parameters are repeated in errors only when they look like names. */
const printableName = (name: string): string => (/^[A-Za-z0-9_.:-]{1,64}$/.test(name) ? name : 'parameter');
