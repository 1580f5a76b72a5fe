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
 * Copies the INTEGER at `at` right-aligned into `out`; gives the offset after it. Only the one DER form of a number that is
 * not negative passes.
 */
const copyNumber = (der: Uint8Array, at: number, out: Uint8Array): number => {
  const length = der[at + 1] ?? 0;
  const end = at + 2 + length;
  if (der[at] !== 0x02 || length === 0 || length > 0x7f || end > der.length) return notDer();
  const first = der[at + 2] ?? 0;
  const second = der[at + 3] ?? 0;
  if (first > 0x7f) return notDer();
  if (first === 0 && length > 1 && second < 0x80) return notDer();
  const start = first === 0 ? at + 3 : at + 2;
  if (end - start > out.length) return notDer();
  out.set(der.subarray(start, end), out.length - (end - start));
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
  const out = Buffer.alloc(2 * half);
  const afterR = copyNumber(der, 2, out.subarray(0, half));
  const end = copyNumber(der, afterR, out.subarray(half));
  return end === der.length ? out : notDer();
};

/** How many leading octets of `number` fall away, and whether a zero octet has to stand in front. */
const integerBody = (number: Uint8Array): { readonly start: number; readonly pad: number } => {
  let start = 0;
  while (start < number.length - 1 && number[start] === 0) start += 1;
  return { start, pad: (number[start] ?? 0) > 0x7f ? 1 : 0 };
};

const writeNumber = (out: Buffer, at: number, number: Uint8Array, start: number, pad: number): number => {
  const length = number.length - start + pad;
  out[at] = 0x02;
  out[at + 1] = length;
  if (pad === 1) out[at + 2] = 0;
  out.set(number.subarray(start), at + 2 + pad);
  return at + 2 + length;
};

/** r‖s to DER. Throws a RangeError when the length is not that of the curve. */
export const ecdsaP1363ToDer = (signature: Uint8Array, curve: SignatureCurve): Buffer => {
  const half = NUMBER_LENGTH[curve];
  if (signature.length !== 2 * half) throw new RangeError('an ECDSA signature of another length than its curve has');
  const r = signature.subarray(0, half);
  const s = signature.subarray(half);
  const rBody = integerBody(r);
  const sBody = integerBody(s);
  const content = 4 + (half - rBody.start + rBody.pad) + (half - sBody.start + sBody.pad);
  const out = Buffer.allocUnsafe(2 + content);
  out[0] = 0x30;
  out[1] = content;
  const afterR = writeNumber(out, 2, r, rBody.start, rBody.pad);
  writeNumber(out, afterR, s, sBody.start, sBody.pad);
  return out;
};
