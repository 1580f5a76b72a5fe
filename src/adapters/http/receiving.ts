import type { IncomingMessage } from 'node:http';
import { LinkedQueue } from './linked-queue.ts';

/** How many bodies may be on their way at once. Nearly all come with their headers and never count. */
const MOST = 1024;

const receiving = new LinkedQueue<IncomingMessage>();

/**
 * Announces that a body is on its way. Returns what to call once it is there or will not come. When too many are on their way,
 * the slowest loses its connection, so that slow peers neither fill the memory nor keep others out.
 */
export const receive = (request: IncomingMessage): (() => void) => {
  if (receiving.size >= MOST) receiving.shift()?.destroy();
  const place = receiving.add(request);
  return () => receiving.remove(place);
};
