/**
 * Writing DER (X.690). Only what certificates and requests need; it trusts its caller, who passes whole values. Reading is
 * another subject, in `der-reader.ts`, and shares nothing with this file.
 */

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One element: tag, shortest definite length, and the parts one after the other. */
export const tlv = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  let length = 0;
  for (const part of parts) length += part.length;
  const header = length < 0x80 ? 2 : length < 0x100 ? 3 : length < 0x10000 ? 4 : 5;
  if (length >= 0x1000000) throw new RangeError('a DER element of 16 MiB or more');
  const out = Buffer.allocUnsafe(header + length);
  out[0] = tag;
  if (header === 2) out[1] = length;
  else {
    out[1] = 0x80 | (header - 2);
    out.writeUIntBE(length, 2, header - 2);
  }
  let at = header;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};

export const sequence = (...parts: readonly Uint8Array[]): Buffer => tlv(TAG.sequence, ...parts);

/** A SET OF with one member, which needs no sorting. */
export const setOfOne = (member: Uint8Array): Buffer => tlv(TAG.set, member);

/** An unsigned big-endian number; leading zero octets are dropped, and one is put back where the top bit is set. */
export const unsignedInteger = (bytes: Uint8Array): Buffer => {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const body = bytes.subarray(start);
  const first = body[0];
  if (first === undefined) throw new RangeError('an INTEGER without octets');
  return first < 0x80 ? tlv(TAG.integer, body) : tlv(TAG.integer, Buffer.of(0), body);
};

/** 0 to 127: versions and path lengths. */
export const smallInteger = (value: number): Buffer => {
  if (!Number.isInteger(value) || value < 0 || value > 127) throw new RangeError('a small INTEGER is 0 to 127');
  return tlv(TAG.integer, Buffer.of(value));
};

const base128 = (value: number): number[] => {
  const octets = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) octets.unshift((rest % 128) | 0x80);
  return octets;
};

/** From the dotted form, for example `2.5.29.17`. */
export const objectIdentifier = (dotted: string): Buffer => {
  const arcs = dotted.split('.').map(Number);
  const [first, second, ...rest] = arcs;
  if (first === undefined || second === undefined || !arcs.every(Number.isSafeInteger)) {
    throw new RangeError(`not an object identifier: ${dotted}`);
  }
  return tlv(TAG.objectIdentifier, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
};

export const octetString = (...parts: readonly Uint8Array[]): Buffer => tlv(TAG.octetString, ...parts);

/** A BIT STRING; `unusedBits` counts those at the end of the last octet. */
export const bitString = (bytes: Uint8Array, unusedBits = 0): Buffer =>
  tlv(TAG.bitString, Buffer.of(unusedBits), bytes);

export const utf8String = (text: string): Buffer => tlv(TAG.utf8String, Buffer.from(text, 'utf8'));

export const TRUE = tlv(TAG.boolean, Buffer.of(0xff));
export const NULL = tlv(TAG.null);

/** `[number] EXPLICIT`, or IMPLICIT over a constructed type. */
export const contextConstructed = (number: number, ...parts: readonly Uint8Array[]): Buffer =>
  tlv(0xa0 | number, ...parts);

/** `[number] IMPLICIT` over a primitive type. */
export const contextPrimitive = (number: number, ...parts: readonly Uint8Array[]): Buffer =>
  tlv(0x80 | number, ...parts);

/** Unix seconds as UTCTime through 2049 and as GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5). */
export const time = (unixSeconds: number): Buffer => {
  if (!Number.isSafeInteger(unixSeconds)) throw new RangeError('a certificate time is a whole number of seconds');
  const at = new Date(unixSeconds * 1000);
  const year = at.getUTCFullYear();
  if (!(year >= 1950 && year <= 9999)) throw new RangeError('a certificate time lies between 1950 and 9999');
  const isUtc = year < 2050;
  const out = Buffer.allocUnsafe(isUtc ? 15 : 17);
  out[0] = isUtc ? TAG.utcTime : TAG.generalizedTime;
  out[1] = out.length - 2;
  let end = 2;
  const put = (number: number): void => {
    out[end] = 0x30 + Math.trunc(number / 10);
    out[end + 1] = 0x30 + (number % 10);
    end += 2;
  };
  if (!isUtc) put(Math.trunc(year / 100));
  put(year % 100);
  put(at.getUTCMonth() + 1);
  put(at.getUTCDate());
  put(at.getUTCHours());
  put(at.getUTCMinutes());
  put(at.getUTCSeconds());
  out[end] = 0x5a;
  return out;
};
