import type { Socket } from 'node:net';
import type { Logger } from '../../ports/logger.ts';
import type { Delays } from '../../ports/timers.ts';
import { FairReader } from './fair-reader.ts';
import type { UserShare } from './fair-turns.ts';
import { ConnectionError, ERROR_CODE, goawayFrame } from './frames.ts';
import { OpenStreams } from './open-streams.ts';
import { AuthorityRepair } from './repair-authority.ts';
import { RepairedStream } from './repaired-stream.ts';

/**
 * Open at once, on all connections of one user: each takes some 10 to 20 KiB, whoever asked for nothing and whoever ends nothing
 * too.
 */
const MOST_STREAMS_OF_USER = 8192;
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
  const streams = new OpenStreams(share.streams);
  socket.once('close', () => streams.clear());
  const repair = new AuthorityRepair(caller, streams);
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
      const repaired = repair.next(chunk);
      if (share.streams.open > MOST_STREAMS_OF_USER) {
        throw new ConnectionError(ERROR_CODE.enhanceYourCalm, 'too many streams of one user are open');
      }
      return repaired;
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
    serve(new RepairedStream(socket, reader, next, Buffer.concat(begun), (sent) => streams.sent(sent)));
  };
  const stopWaiting = delays.after(prefaceMs, () => socket.destroy());
  socket.once('close', stopWaiting);
  share.spend(CONNECTION_WORK);
  const reader = new FairReader(socket, share, begin);
};
