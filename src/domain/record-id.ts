import type { Instant } from './instant.ts';
import { Refusal } from './refusal.ts';

/**
 * Serials, `jti`s and ids of records: 128 bits, written as 32 lower-case hexadecimal digits (DEC-7).
 * 48 bits of milliseconds, then 80 random bits; the top bit is 0, so that a serial is a positive DER INTEGER of 16 octets.
 * Ids made later sort later, which keeps index pages warm and lets old rows be purged by range.
 */
export type RecordId = string & { readonly __brand: 'RecordId' };

/** How many random octets `recordId` takes. */
export const RECORD_ID_ENTROPY = 10;

/** The digits of the moment last asked for: many ids are made in one millisecond. */
let last = { at: -1, digits: '' };

const digitsOf = (at: Instant): string => {
  if (at !== last.at) last = { at, digits: at.toString(16).padStart(12, '0') };
  return last.digits;
};

/** The id of these random octets; `newRecordId` draws them. */
export const recordId = (at: Instant, random: Uint8Array): RecordId => {
  if (random.length !== RECORD_ID_ENTROPY) throw new RangeError(`a record id takes ${RECORD_ID_ENTROPY} random octets`);
  if (at < 0 || at >= 2 ** 47) throw new RangeError('the time of a record id has 47 bits');
  const octets = Buffer.from(random.buffer, random.byteOffset, random.byteLength);
  return (digitsOf(at) + octets.toString('hex')) as RecordId;
};

/** A new id, from a source of random octets. */
export const newRecordId = (at: Instant, entropy: { bytes(count: number): Uint8Array }): RecordId =>
  recordId(at, entropy.bytes(RECORD_ID_ENTROPY));

const FORM = /^[0-7][0-9a-f]{31}$/;

export const isRecordId = (text: string): text is RecordId => FORM.test(text);

/** Accepts upper case and the colons that other tools print in a serial; refuses anything else. */
export const parseRecordId = (text: string): RecordId => {
  const plain = text.replaceAll(':', '').toLowerCase();
  if (!isRecordId(plain)) throw new Refusal('invalid_request', 'a record id is 32 hexadecimal digits');
  return plain;
};

/** The smallest id that can be made at or after `at`: the lower bound of a range over time. */
export const recordIdFloor = (at: Instant): RecordId => recordId(at, new Uint8Array(RECORD_ID_ENTROPY));
