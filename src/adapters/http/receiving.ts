import type { IncomingMessage } from 'node:http';
import { Line } from './line.ts';

/** Bodies that may be on their way at once: nearly all come with their headers and never wait. */
const MOST = 1024;

const receiving = new Line<IncomingMessage>();

/**
 * A body is on its way: call this before it is read, and the function that it gives when it is there or will not come. Beyond a
 * number the one that takes longest loses its connection, so that slow peers fill neither the memory nor anybody's way.
 */
export const receive = (request: IncomingMessage): (() => void) => {
  if (receiving.size >= MOST) receiving.shift()?.destroy();
  const place = receiving.add(request);
  return () => receiving.leave(place);
};
