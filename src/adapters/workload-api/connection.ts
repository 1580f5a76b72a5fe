import type { Socket } from 'node:net';
import type { Logger } from '../../ports/logger.ts';
import type { Delays } from '../../ports/timers.ts';
import { FairReader } from './fair-reader.ts';
import type { UserShare } from './fair-turns.ts';
import { ConnectionError, goawayFrame } from './frames.ts';
import { AuthorityRepair } from './repair-authority.ts';
import { RepairedStream } from './repaired-stream.ts';

/** What a connection is worth in frames: who connects is looked at. */
const CONNECTION_WORK = 32;
/** How long a client that broke the rules has to read why. */
const LAST_WORDS_MS = 1000;

export interface ConnectionParts {
  /** What requests on it are named with. */
  readonly caller: string;
  /** Of the user who connected. */
  readonly share: UserShare;
  /** Milliseconds within which the client has to begin to speak HTTP/2. */
  readonly prefaceMs: number;
  readonly delays: Delays;
  readonly logger: Logger;
  /** Hands the connection on to the server behind. */
  readonly serve: (stream: RepairedStream) => void;
}

/**
 * Reads what a client says first, and hands the connection on once that is HTTP/2: until then it costs little. A client
 * that breaks the rules of HTTP/2 is told by GOAWAY and loses the connection.
 */
export const openConnection = (socket: Socket, parts: ConnectionParts): void => {
  const { caller, share, prefaceMs, delays, logger, serve } = parts;
  const repair = new AuthorityRepair(caller);
  let isOver = false;

  const lose = (error: ConnectionError): void => {
    isOver = true;
    logger.debug('a client of the workload API broke the rules of HTTP/2', { code: error.code, reason: error.message });
    const forget = delays.after(LAST_WORDS_MS, () => socket.destroy());
    socket.once('close', forget);
    socket.end(goawayFrame(repair.lastStream, error.code), () => socket.destroy());
  };

  const next = (chunk: Buffer): Buffer => {
    if (isOver) return Buffer.alloc(0);
    try {
      return repair.next(chunk);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      lose(error);
      return Buffer.alloc(0);
    } finally {
      share.spend(repair.takeWork());
    }
  };

  const begun: Buffer[] = [];
  const begin = (chunk: Buffer): void => {
    begun.push(next(chunk));
    if (!repair.isUnderWay || isOver) return;
    stopWaiting();
    serve(new RepairedStream(socket, reader, next, Buffer.concat(begun)));
  };
  const stopWaiting = delays.after(prefaceMs, () => socket.destroy());
  socket.once('close', stopWaiting);
  share.spend(CONNECTION_WORK);
  const reader = new FairReader(socket, share, begin);
};
