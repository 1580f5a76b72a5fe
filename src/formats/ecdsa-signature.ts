/**
 * ECDSA signatures in the two forms in use: DER `SEQUENCE { r, s }` in X.509 (RFC 5480) and the two numbers side by side,
 * each as long as the curve, in JOSE (RFC 7518 §3.4; also called P1363). Converted by hand, because asking node:crypto for
 * the other form costs more than the conversion (DEC-46).
 */
export type SignatureCurve = 'p256' | 'p384';

const NUMBER_LENGTH: Record<SignatureCurve, number> = { p256: 32, p384: 48 };

const notDer = (): never => {
  throw new RangeError('not a DER encoded ECDSA signature');
};

/**
 * Copies the INTEGER at `at` into `out` so that it ends before `before`, in at most `half` octets; gives the offset after it.
 * Only the one DER form of a number that is not negative passes. Octet by octet: views of so few cost more.
 */
const copyNumber = (der: Uint8Array, at: number, out: Uint8Array, before: number, half: number): number => {
  const length = der[at + 1] ?? 0;
  const end = at + 2 + length;
  if (der[at] !== 0x02 || length === 0 || length > 0x7f || end > der.length) return notDer();
  const first = der[at + 2] ?? 0;
  const second = der[at + 3] ?? 0;
  if (first > 0x7f) return notDer();
  if (first === 0 && length > 1 && second < 0x80) return notDer();
  const start = first === 0 ? at + 3 : at + 2;
  const octets = end - start;
  if (octets > half) return notDer();
  out.fill(0, before - half, before - octets);
  for (let n = 0; n < octets; n += 1) out[before - octets + n] = der[start + n] ?? 0;
  return end;
};

/**
 * DER to r‖s. Throws a RangeError for every byte string that is not the one DER form of two numbers that fit the curve. It
 * does not judge the numbers themselves: zero and values above the order are for the verification to refuse.
 */
export const ecdsaDerToP1363 = (der: Uint8Array, curve: SignatureCurve): Buffer => {
  const half = NUMBER_LENGTH[curve];
  // With P-384 the content has at most 102 octets, so that the length is always one octet.
  if (der.length < 8 || der[0] !== 0x30 || der[1] !== der.length - 2 || der.length > 0x81) return notDer();
  // From the pool, as it is: `copyNumber` writes every octet.
  const out = Buffer.allocUnsafe(2 * half);
  const afterR = copyNumber(der, 2, out, half, half);
  const end = copyNumber(der, afterR, out, 2 * half, half);
  return end === der.length ? out : notDer();
};

/** Where the number in `signature` from `from` to `end` begins once its leading zero octets have fallen away. */
const bodyStart = (signature: Uint8Array, from: number, end: number): number => {
  let start = from;
  while (start < end - 1 && signature[start] === 0) start += 1;
  return start;
};

/** Whether a zero octet has to stand in front, or the number would be negative. */
const padOf = (signature: Uint8Array, start: number): number => ((signature[start] ?? 0) > 0x7f ? 1 : 0);

/** Writes an INTEGER; gives the offset after it. */
const writeNumber = (out: Buffer, at: number, signature: Uint8Array, start: number, end: number): number => {
  const pad = padOf(signature, start);
  out[at] = 0x02;
  out[at + 1] = end - start + pad;
  if (pad === 1) out[at + 2] = 0;
  const to = at + 2 + pad;
  for (let n = 0; n < end - start; n += 1) out[to + n] = signature[start + n] ?? 0;
  return to + end - start;
};

/** r‖s to DER. Throws a RangeError when the length is not that of the curve. */
export const ecdsaP1363ToDer = (signature: Uint8Array, curve: SignatureCurve): Buffer => {
  const half = NUMBER_LENGTH[curve];
  if (signature.length !== 2 * half) throw new RangeError('an ECDSA signature of another length than its curve has');
  const rStart = bodyStart(signature, 0, half);
  const sStart = bodyStart(signature, half, 2 * half);
  const content = 4 + half - rStart + padOf(signature, rStart) + 2 * half - sStart + padOf(signature, sStart);
  const out = Buffer.allocUnsafe(2 + content);
  out[0] = 0x30;
  out[1] = content;
  const afterR = writeNumber(out, 2, signature, rStart, half);
  writeNumber(out, afterR, signature, sStart, 2 * half);
  return out;
};
