/** How many random octets `numberBetween` wants. */
export const CHANCE_BYTES = 4;

/** A number from `low` up to `high`, which it does not reach, as four random octets say: evenly over all of it. */
export const numberBetween = (octets: Uint8Array, low: number, high: number): number => {
  const fraction = new DataView(octets.buffer, octets.byteOffset, CHANCE_BYTES).getUint32(0) / 2 ** 32;
  return low + fraction * (high - low);
};
