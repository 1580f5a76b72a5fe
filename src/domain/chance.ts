/** How many random octets `numberBetween` takes. */
export const CHANCE_BYTES = 4;

/** Maps four random octets evenly to a number that is at least `low` and less than `high`. */
export const numberBetween = (octets: Uint8Array, low: number, high: number): number => {
  const fraction = new DataView(octets.buffer, octets.byteOffset, CHANCE_BYTES).getUint32(0) / 2 ** 32;
  return low + fraction * (high - low);
};
