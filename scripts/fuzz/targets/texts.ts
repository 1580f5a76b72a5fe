import { isDeepStrictEqual } from 'node:util';
import { formText, parseForm, parseQuery } from '../../../src/adapters/http/form.ts';
import { Refusal } from '../../../src/domain/refusal.ts';
import { parseOperatorSpiffeId, parseSpiffeId } from '../../../src/domain/spiffe-id.ts';
import { tryDecodeBase64, tryDecodeBase64url } from '../../../src/formats/base64url.ts';
import { canonicalJson, type CanonicalValue } from '../../../src/formats/canonical-json.ts';
import { isJoinToken, joinToken as writeJoinToken } from '../../../src/formats/join-token.ts';
import { parseJson, type JsonValue } from '../../../src/formats/json.ts';
import { bytesMutator, eitherMutator, jsonMutator } from '../mutate.ts';
import { demand, octets, text, unless, type Target } from '../target.ts';

const isRefusal = (error: unknown): boolean => error instanceof Refusal;

const JSON_WORDS = [
  '{',
  '}',
  '[',
  ']',
  '"',
  ',',
  ':',
  '\\',
  '\\u0061',
  '\\ud800',
  '__proto__',
  '1e400',
  '-0',
  '9007199254740993',
  'null',
  '\ufeff',
  '\u2028',
];

/** Canonical JSON is for values without floats; for those it is what JSON.parse reads back as the same, and its own canonical form. */
const judgeCanonical = (value: JsonValue): void => {
  const written = unless(
    (error) => error instanceof TypeError,
    () => canonicalJson(value as CanonicalValue),
  );
  if (written === undefined) return;
  const again = JSON.parse(written) as CanonicalValue;
  // -0 is written as 0 (RFC 8785 §3.2.2.3).
  demand(isDeepStrictEqual(again, JSON.parse(JSON.stringify(value))), 'canonical JSON of another value');
  demand(canonicalJson(again) === written, 'canonical JSON that is not canonical');
};

export const json: Target = {
  seeds: octets(
    '{"a":[1,-2.5e3,true,null,"x\\u00e9\\n"],"b":{"c":{}}}',
    '[]',
    '"\\ud83d\\ude00"',
    '0',
    '{"big":9007199254740991,"a":1e5}',
    '[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]',
  ),
  mutate: eitherMutator(jsonMutator(JSON_WORDS), bytesMutator(JSON_WORDS)),
  sources: ['formats/json.ts', 'formats/canonical-json.ts'],
  run: (input) => {
    unless(isRefusal, () => parseJson(input, { bigIntegers: true }));
    const value = unless(isRefusal, () => parseJson(input));
    if (value === undefined) return false;
    const plain = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(input)) as unknown;
    demand(isDeepStrictEqual(value, plain), 'JSON is read as another value');
    // A member that comes twice is lost on the way, and so the text is shorter than what its tokens make up.
    const names = (text(input).match(/"(?:[^"\\]|\\.)*"\s*:/g) ?? []).length;
    demand(names === (JSON.stringify(plain).match(/"(?:[^"\\]|\\.)*":/g) ?? []).length, 'a member was lost');
    judgeCanonical(value);
    return true;
  },
};

export const base64url: Target = {
  seeds: octets('', 'AA', 'AAA', 'AAAA', '-_-_', 'Zm9vYmFy', 'Zg==', '+/+/'),
  mutate: bytesMutator(['=', '-', '_', '+', '/', ' ', '\n']),
  sources: ['formats/base64url.ts'],
  run: (input) => {
    const written = text(input);
    const url = tryDecodeBase64url(written);
    const plain = tryDecodeBase64(written);
    if (url !== undefined) {
      demand(/^[A-Za-z0-9_-]*$/.test(written) && written.length % 4 !== 1, 'base64url with other characters');
      demand(url.length === Math.floor((written.length * 3) / 4), 'base64url of another length');
    }
    if (plain !== undefined) {
      const form = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
      demand(form.test(written), 'base64 with other characters');
    }
    return url !== undefined || plain !== undefined;
  },
};

const SPIFFE_ID = /^spiffe:\/\/(?=[^/]{1,255}(?:\/|$))[a-z0-9._-]+(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)*$/;

export const spiffeId: Target = {
  seeds: octets(
    'spiffe://example.org',
    'spiffe://example.org/db/main',
    'spiffe://a_b-c.1/..a/.../A',
    'SPIFFE://Example.ORG/x',
    `spiffe://${'a'.repeat(255)}/${'b'.repeat(1700)}`,
  ),
  mutate: bytesMutator([
    'spiffe://',
    '/',
    '.',
    '..',
    '/./',
    '%2e',
    '\u0130',
    '\u212a',
    '@',
    ':80',
    '?',
    '#',
    '\0',
    '\n',
  ]),
  sources: ['domain/spiffe-id.ts', 'domain/trust-domain.ts'],
  run: (input) => {
    const written = text(input);
    const expected = Buffer.byteLength(written) <= 2048 && SPIFFE_ID.test(written) && !written.endsWith('\n');
    const read = unless(isRefusal, () => parseSpiffeId(written));
    demand((read !== undefined) === expected, `the grammar says ${expected ? 'yes' : 'no'} to a SPIFFE ID`);
    const folded = unless(isRefusal, () => parseOperatorSpiffeId(written));
    if (folded !== undefined) demand(SPIFFE_ID.test(folded) && folded.length === written.length, 'a folded ID is none');
    demand(read === undefined || folded === read, 'an ID was folded that needed no folding');
    return read !== undefined;
  },
};

export const form: Target = {
  seeds: octets(
    'grant_type=client_credentials&scope=read+write&resource=https%3A%2F%2Fa&resource=b',
    'a=%C3%A9&b=&=c&&d',
    'constructor=1&__proto__=2',
  ),
  mutate: bytesMutator(['&', '=', '+', '%', '%00', '%ff', '%C3%A9', '__proto__', 'resource=']),
  sources: ['adapters/http/form.ts'],
  run: (input) => {
    const parsed = unless(isRefusal, () => {
      const written = formText(input);
      return { written, form: parseForm(written, ['resource']), query: parseQuery(written) };
    });
    if (parsed === undefined) return false;
    const pairs = [...new URLSearchParams(parsed.written.replace(/^\?/, '%3F'))].filter(([, value]) => value !== '');
    const grouped = Map.groupBy(pairs, ([name]) => name);
    const all = [...grouped].map(([name, list]) => [name, list.map(([, value]) => value)]);
    const seen = (read: Record<string, string | string[]>) =>
      Object.entries(read).map(([name, value]) => [name, [value].flat()]);
    const sorted = (list: readonly unknown[]): string =>
      JSON.stringify([...list].map((each) => JSON.stringify(each)).sort());
    demand(sorted(seen(parsed.query)) === sorted(all), 'a query is read as another');
    demand(sorted(seen(parsed.form)) === sorted(all), 'a form is read as another');
    return true;
  },
};

export const joinToken: Target = {
  seeds: [Buffer.from(writeJoinToken(Buffer.alloc(24, 5))), Buffer.from('mf-join-')],
  mutate: bytesMutator(['mf-join-', '\n', '-', '_']),
  sources: ['formats/join-token.ts'],
  run: (input) => {
    const written = text(input);
    if (!isJoinToken(written)) return false;
    demand(writeJoinToken(Buffer.from(written.slice(8), 'base64url')) === written, 'a join token has two spellings');
    return true;
  },
};
