import { type Field, sizeOf } from './hpack-field.ts';
import { ERROR_CODE, StreamError } from './frames.ts';

const COLON = 0x3a;
const NAME = /^[a-z0-9!#$%&'*+\-.^_`|~]+$/;
const FORBIDDEN_VALUE = /[\0\r\n]|^[\t ]|[\t ]$/;
const DIGITS = /^\d{1,15}$/;
/** Of HTTP/1.1 (RFC 9113 §8.2.2). */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);
const NONE: readonly string[] = [];

const malformed = (what: string): StreamError => new StreamError(ERROR_CODE.protocol, what);

const checkOrdinary = ({ name, value }: Field): void => {
  if (!NAME.test(name)) throw malformed('the name of a header that is none');
  if (FORBIDDEN_VALUE.test(value)) throw malformed('the value of a header that is none');
  if (OF_CONNECTION.has(name) || (name === 'te' && value !== 'trailers')) throw malformed('a header of HTTP/1.1');
};

/**
 * The head of a request, as it was sent: well-formed, or a `StreamError` (RFC 9113 §8.3). Only `:authority` may be anything, come
 * as often as it likes, or not at all: some clients put the path of the socket there (WLE-17).
 */
export class RequestHead {
  readonly method: string;
  readonly path: string;
  /** How many octets of content were announced. */
  readonly contentLength: number | undefined;
  /** What all of it takes, as HPACK counts it. */
  readonly bytes: number;
  readonly #values = new Map<string, string[]>();

  constructor(fields: readonly Field[]) {
    const pseudo = new Map<string, string>();
    let bytes = 0;
    for (const field of fields) {
      const { name, value } = field;
      bytes += sizeOf(field);
      if (name.charCodeAt(0) !== COLON) {
        checkOrdinary(field);
        const values = this.#values.get(name);
        if (values === undefined) this.#values.set(name, [value]);
        else values.push(value);
        continue;
      }
      if (name === ':authority') continue;
      if (this.#values.size > 0) throw malformed('a pseudo-header behind a header');
      const isKnown = name === ':method' || name === ':scheme' || name === ':path';
      if (!isKnown || pseudo.has(name)) throw malformed('a pseudo-header that is unknown, or there twice');
      pseudo.set(name, value);
    }
    const [method, path, scheme] = [':method', ':path', ':scheme'].map((name) => pseudo.get(name));
    if (!method || !path || !scheme) throw malformed('a request without its method, scheme or path');
    this.method = method;
    this.path = path;
    this.bytes = bytes;
    this.contentLength = contentLengthOf(this.get('content-length'));
  }

  /** All values of a header, by its name in small letters. */
  get(name: string): readonly string[] {
    return this.#values.get(name) ?? NONE;
  }
}

const contentLengthOf = (values: readonly string[]): number | undefined => {
  const [value] = values;
  if (value === undefined) return undefined;
  if (values.some((each) => each !== value) || !DIGITS.test(value)) throw malformed('a length that is none');
  return Number(value);
};

/** Trailers are headers, without pseudo-headers (RFC 9113 §8.1). Throws `StreamError`. */
export const checkTrailers = (fields: readonly Field[]): void => {
  for (const field of fields) {
    if (field.name.charCodeAt(0) === COLON) throw malformed('a pseudo-header among trailers');
    checkOrdinary(field);
  }
};
