import { Refusal } from '../domain/refusal.ts';

const view = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** RFC 4648 §5 without padding, as JOSE writes it. */
export const encodeBase64url = (bytes: Uint8Array | string): string =>
  typeof bytes === 'string' ? Buffer.from(bytes, 'utf8').toString('base64url') : view(bytes).toString('base64url');

/**
 * The octets, or nothing unless `text` is the one canonical spelling of them: no padding, no other characters, unused
 * bits zero (JW-02). Node's own decoder skips what it does not know, so the answer is written back and compared.
 */
export const tryDecodeBase64url = (text: string): Buffer | undefined => {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
};

/** As `tryDecodeBase64url`; throws `Refusal('invalid_request')`. */
export const decodeBase64url = (text: string): Buffer => {
  const bytes = tryDecodeBase64url(text);
  if (bytes === undefined) throw new Refusal('invalid_request', 'the text is not canonical base64url');
  return bytes;
};

/** Standard base64 with padding (RFC 4648 §4), as `x5c` and PEM bodies hold it; as strict as `tryDecodeBase64url`. */
export const tryDecodeBase64 = (text: string): Buffer | undefined => {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
};

/** As `tryDecodeBase64`; throws `Refusal('invalid_request')`. */
export const decodeBase64 = (text: string): Buffer => {
  const bytes = tryDecodeBase64(text);
  if (bytes === undefined) throw new Refusal('invalid_request', 'the text is not canonical base64');
  return bytes;
};
