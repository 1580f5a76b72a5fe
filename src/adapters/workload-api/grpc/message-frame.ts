const PREFIX_BYTES = 5;

/** A message behind its flag and its length, as it goes out (gRPC over HTTP/2). */
export const framed = (message: Uint8Array): Buffer => {
  const output = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  output[0] = 0;
  output.writeUInt32BE(message.length, 1);
  output.set(message, PREFIX_BYTES);
  return output;
};

const FRAMED = new WeakMap<Uint8Array, Buffer>();

/** The same octets for the same message: what goes out to thousands of streams is there once. */
export const framedOnce = (message: Uint8Array): Buffer => {
  const known = FRAMED.get(message);
  if (known !== undefined) return known;
  const octets = framed(message);
  FRAMED.set(message, octets);
  return octets;
};
