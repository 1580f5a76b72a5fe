import type { Socket } from 'node:net';
import type { Logger } from '../../ports/logger.ts';
import type { Delays } from '../../ports/timers.ts';
import { FairReader } from './http2/fair-reader.ts';
import type { UserShare } from './http2/fair-turns.ts';
import { ConnectionError, ERROR_CODE, goawayFrame } from './http2/frames.ts';
import { Outbox } from './http2/outbox.ts';
import type { RequestHead } from './http2/request-head.ts';
import { ServerConnection } from './http2/server-connection.ts';
import type { ServerStream, StreamSink } from './http2/server-stream.ts';

/** What a connection is worth in frames: who connects is looked at. */
const CONNECTION_WORK = 32;
/** How long a client that broke the rules has to read why. */
const LAST_WORDS_MS = 1000;

export interface ConnectionParts {
  /** Of the user who connected. */
  readonly share: UserShare;
  /** Milliseconds within which the client has to begin to speak HTTP/2. */
  readonly prefaceMs: number;
  readonly delays: Delays;
  readonly logger: Logger;
  /** Takes a request, and says what is to become of it. */
  readonly accept: (stream: ServerStream, head: RequestHead) => StreamSink;
}

/** A connection that is served. */
export interface OpenConnection {
  /** Takes no further requests, and closes when those that are open have ended. */
  leave(): void;
}

/** Serves HTTP/2 on a socket. A client that breaks its rules is told by GOAWAY and loses the connection. */
export const openConnection = (socket: Socket, parts: ConnectionParts): OpenConnection => {
  const { share, prefaceMs, delays, logger, accept } = parts;
  let isOver = false;
  let isLeaving = false;

  const closeWhenIdle = (): void => {
    if (!isLeaving || isOver || connection.openStreams > 0) return;
    isOver = true;
    outbox.flush();
    socket.end();
  };
  const outbox = new Outbox(socket, () => {
    connection.goOn();
    reader.resume();
  });
  const connection = new ServerConnection({
    outbox,
    streams: share.streams,
    blocks: share.blocks,
    accept,
    idle: closeWhenIdle,
  });

  const lose = (error: unknown): void => {
    isOver = true;
    const { code, message } =
      error instanceof ConnectionError ? error : new ConnectionError(ERROR_CODE.internal, 'internal error');
    if (error instanceof ConnectionError)
      logger.debug('a client of the workload API broke the rules of HTTP/2', { code, reason: message });
    else logger.error('a connection to the workload API failed', { error: String(error) });
    const forget = delays.after(LAST_WORDS_MS, () => socket.destroy());
    socket.once('close', forget);
    outbox.flush();
    // Nothing is said behind the last words.
    connection.gone();
    socket.end(goawayFrame(connection.lastStream, code), () => socket.destroy());
  };

  const stopWaiting = delays.after(prefaceMs, () => socket.destroy());
  let isUnderWay = false;
  const read = (chunk: Buffer): void => {
    if (isOver) return;
    try {
      connection.read(chunk);
      if (!outbox.takesMore()) reader.pause();
    } catch (error) {
      lose(error);
    } finally {
      share.spend(connection.takeWork());
    }
    if (isUnderWay || !connection.isUnderWay) return;
    isUnderWay = true;
    stopWaiting();
  };
  share.spend(CONNECTION_WORK);
  const reader = new FairReader(socket, share, read);
  socket.once('close', () => {
    isOver = true;
    stopWaiting();
    connection.gone();
  });
  return {
    leave() {
      isLeaving = true;
      connection.leave();
      closeWhenIdle();
    },
  };
};
