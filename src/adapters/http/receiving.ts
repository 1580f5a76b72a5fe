import type { IncomingMessage } from 'node:http';

/** Bodies that may be on their way at once: nearly all come with their headers and never wait. */
const MOST = 1024;

const receiving = new Set<IncomingMessage>();

/**
 * A body is on its way: call this before it is read, and the function that it gives when it is there or will not come. Beyond a
 * number the one that takes longest loses its connection, so that slow peers fill neither the memory nor anybody's way.
 */
export const receive = (request: IncomingMessage): (() => void) => {
  if (receiving.size >= MOST) {
    const [slowest] = receiving;
    if (slowest) {
      receiving.delete(slowest);
      slowest.destroy();
    }
  }
  receiving.add(request);
  return () => receiving.delete(request);
};
