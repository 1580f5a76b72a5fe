import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { AuthorityPurpose, KeyId } from '../../domain/authority.ts';
import { encodeBase64url, tryDecodeBase64url } from '../../formats/base64url.ts';
import { canonicalJson } from '../../formats/canonical-json.ts';
import type { Entropy } from '../../ports/entropy.ts';

/** What a sealed key is bound to: a blob that was moved to another place does not open (DEC-26). */
export interface SealedPlace {
  readonly trustDomain: string;
  readonly logId: string;
  readonly keyId: KeyId | 'listener';
  /** `listener`: the server's own identity, which is no authority. */
  readonly purpose: AuthorityPurpose | 'listener';
}

export const SEAL_KEY_BYTES = 32;
/** Names the whole form: AES-256-GCM, 12 octets of nonce, ciphertext, 16 octets of tag. */
const VERSION = 'mayfly-sealed-1';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Says neither what was inside nor which check failed. */
const broken = (place: SealedPlace): Error =>
  new Error(
    `the key ${place.keyId} (${place.purpose}) does not unseal: another seal key, another place or changed bytes`,
  );

const associatedData = ({ trustDomain, logId, keyId, purpose }: SealedPlace): Buffer =>
  Buffer.from(canonicalJson({ version: VERSION, trustDomain, logId, keyId, purpose }));

/** `mayfly-sealed-1.<base64url of nonce ‖ ciphertext ‖ tag>`. A nonce is random: one seal key seals a few keys a week. */
export const seal = (plain: Uint8Array, sealKey: Uint8Array, place: SealedPlace, entropy: Entropy): string => {
  const nonce = entropy.bytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', sealKey, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData(place));
  const body = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  return `${VERSION}.${encodeBase64url(body)}`;
};

/** The opposite of `seal`. Throws a plain Error that holds no key material; the caller wipes the answer after use. */
export const unseal = (blob: string, sealKey: Uint8Array, place: SealedPlace): Buffer => {
  const [version, text, ...rest] = blob.split('.');
  if (version !== VERSION)
    throw new Error(`the key ${place.keyId} is sealed in a form that this version does not read`);
  const body = text === undefined || rest.length > 0 ? undefined : tryDecodeBase64url(text);
  if (body === undefined || body.length <= NONCE_BYTES + TAG_BYTES) throw broken(place);
  const decipher = createDecipheriv('aes-256-gcm', sealKey, body.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(associatedData(place));
  decipher.setAuthTag(body.subarray(-TAG_BYTES));
  const plain = decipher.update(body.subarray(NONCE_BYTES, -TAG_BYTES));
  try {
    decipher.final();
  } catch {
    plain.fill(0);
    throw broken(place);
  }
  return plain;
};

/** Opens with the old seal key and seals with the new one, for `mayfly server reseal`. Throws as `unseal`. */
export const reseal = (
  blob: string,
  keys: { readonly from: Uint8Array; readonly to: Uint8Array },
  place: SealedPlace,
  entropy: Entropy,
): string => {
  const plain = unseal(blob, keys.from, place);
  try {
    return seal(plain, keys.to, place, entropy);
  } finally {
    plain.fill(0);
  }
};
