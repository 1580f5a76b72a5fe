import { Refusal } from '../domain/refusal.ts';

export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | JsonObject;
/** Own members only: `__proto__` is refused when read. */
export interface JsonObject {
  readonly [name: string]: JsonValue | undefined;
}

export interface ParseJsonOptions {
  /** Octets of UTF-8; 64 KiB unless told. More is `payload_too_large`. */
  readonly maxBytes?: number;
  /** How deep arrays and objects may nest; 16 unless told. A scalar has depth 0. */
  readonly maxDepth?: number;
  /** Integers beyond 2^53 become `bigint` instead of being refused. */
  readonly bigIntegers?: boolean;
}

const DEFAULT_MAX_JSON_BYTES = 64 * 1024;
const DEFAULT_MAX_JSON_DEPTH = 16;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const MINUS = 0x2d;
const NUMBER = /-?[0-9][0-9+\-.eE]*/y;
const INTEGER = /^-?[0-9]+$/;

// ignoreBOM keeps a byte order mark in the text, where JSON.parse refuses it (RFC 8259 §8.1).
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const malformed = (reason: string): Refusal =>
  new Refusal('invalid_request', `the JSON is not acceptable: ${reason}`, { reason });

const decodeUtf8 = (bytes: Uint8Array): string => {
  try {
    return utf8.decode(bytes);
  } catch {
    throw malformed('it is not UTF-8');
  }
};

const tooLarge = (maxBytes: number): Refusal =>
  new Refusal('payload_too_large', `the JSON is longer than ${maxBytes} bytes`);

const boundedText = (input: string | Uint8Array, maxBytes: number): string => {
  if (input.length > maxBytes) throw tooLarge(maxBytes);
  if (typeof input !== 'string') return decodeUtf8(input);
  if (Buffer.byteLength(input) > maxBytes) throw tooLarge(maxBytes);
  return input;
};

/** The index after the closing quote of the string that starts at `start`, or of the text when it never closes. */
const stringEnd = (text: string, start: number): number => {
  const quote = text.indexOf('"', start + 1);
  if (quote === -1) return text.length;
  if (quote - start <= 1 || !text.slice(start + 1, quote).includes('\\')) return quote + 1;
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    if (code === BACKSLASH) at++;
  }
  return text.length;
};

/** The value of a string literal. An escape may hide a duplicate name or half of a surrogate pair, hence the decoding. */
const stringValue = (literal: string): string => {
  let value = literal.slice(1, -1);
  if (literal.includes('\\')) {
    try {
      value = JSON.parse(literal) as string;
    } catch {
      throw malformed('a string is malformed');
    }
  }
  if (!value.isWellFormed()) throw malformed('a string holds half of a surrogate pair');
  return value;
};

const isColonNext = (text: string, start: number): boolean => {
  let at = start;
  while (at < text.length && text.charCodeAt(at) <= 0x20) at++;
  return text.charCodeAt(at) === COLON;
};

const checkName = (name: string, names: Set<string>): void => {
  if (name === '__proto__') throw malformed('a member is named __proto__');
  if (names.has(name)) throw malformed('an object holds a member twice');
  names.add(name);
};

const checkNumber = (literal: string, bigIntegers: boolean): void => {
  const value = Number(literal);
  if (INTEGER.test(literal) && !Number.isSafeInteger(value)) {
    if (!bigIntegers) throw malformed('an integer lies beyond 2^53');
  } else if (value === Infinity || value === -Infinity) {
    throw malformed('a number is too large');
  }
};

const startsNumber = (code: number): boolean => code === MINUS || (code >= 0x30 && code <= 0x39);

/**
 * Finds what JSON.parse lets through: duplicate members, any depth, overflowing numbers. The grammar itself is left to
 * JSON.parse; on text that is not JSON this only has to end without an accident.
 */
const scan = (text: string, maxDepth: number, bigIntegers: boolean): void => {
  /** One element an open container: the names seen in an object, nothing for an array. */
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = stringEnd(text, at);
      const value = stringValue(text.slice(at, end));
      const names = open.at(-1);
      if (names !== undefined && isColonNext(text, end)) checkName(value, names);
      at = end;
    } else if (startsNumber(code)) {
      NUMBER.lastIndex = at;
      const literal = NUMBER.exec(text)?.[0] ?? '-';
      checkNumber(literal, bigIntegers);
      at += literal.length;
    } else {
      if (code === 0x7b || code === 0x5b) {
        if (open.length === maxDepth) throw malformed(`it nests deeper than ${maxDepth}`);
        open.push(code === 0x7b ? new Set() : undefined);
      } else if (code === 0x7d || code === 0x5d) {
        open.pop();
      }
      at++;
    }
  }
};

const reviveBigIntegers = (_name: string, value: unknown, context?: { readonly source?: string }): unknown =>
  typeof value === 'number' && context?.source !== undefined && INTEGER.test(context.source)
    ? Number.isSafeInteger(value)
      ? value
      : BigInt(context.source)
    : value;

/**
 * Reads JSON from someone we do not trust. What it accepts equals JSON.parse's answer; beyond that it refuses duplicate
 * member names (also when spelled with escapes), `__proto__`, lone surrogates, invalid UTF-8, a byte order mark, numbers
 * and integers that lose their value, and too much size or depth (JW-02, TDB-31). Throws `Refusal('invalid_request')`,
 * or `payload_too_large`.
 */
export const parseJson = (input: string | Uint8Array, options: ParseJsonOptions = {}): JsonValue => {
  const text = boundedText(input, options.maxBytes ?? DEFAULT_MAX_JSON_BYTES);
  const bigIntegers = options.bigIntegers ?? false;
  scan(text, options.maxDepth ?? DEFAULT_MAX_JSON_DEPTH, bigIntegers);
  try {
    return JSON.parse(text, bigIntegers ? reviveBigIntegers : undefined) as JsonValue;
  } catch {
    throw malformed('its syntax is wrong');
  }
};

export const isJsonObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** As `parseJson`, and refuses anything but an object at the top. */
export const parseJsonObject = (input: string | Uint8Array, options: ParseJsonOptions = {}): JsonObject => {
  const value = parseJson(input, options);
  if (!isJsonObject(value)) throw malformed('it is not an object');
  return value;
};
