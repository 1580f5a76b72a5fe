import { ConnectionError, ERROR_CODE, FLAG, StreamError } from './frames.ts';

/** The contents of small frames, looked at before anything is done for them. All throw `ConnectionError` or `StreamError`. */

const protocol = (what: string): ConnectionError => new ConnectionError(ERROR_CODE.protocol, what);
const frameSize = (what: string): ConnectionError => new ConnectionError(ERROR_CODE.frameSize, what);

/** DATA without its padding (RFC 9113 §6.1). */
export const dataOf = (content: Buffer, flags: number): Buffer => {
  if ((flags & FLAG.padded) === 0) return content;
  const padding = content[0];
  if (padding === undefined || padding >= content.length) throw protocol('more padding than there is frame');
  return content.subarray(1, content.length - padding);
};

/** PRIORITY means nothing any more, and has to be right (RFC 9113 §5.3.2, §6.3). */
export const checkPriority = (stream: number, content: Buffer): void => {
  if (stream === 0) throw protocol('a priority of no stream');
  if (content.length !== 5) throw new StreamError(ERROR_CODE.frameSize, 'a priority of another size');
  if ((content.readUInt32BE(0) & 0x7fff_ffff) === stream)
    throw new StreamError(ERROR_CODE.protocol, 'a stream that depends on itself');
};

/** RFC 9113 §6.4. */
export const checkReset = (content: Buffer): void => {
  if (content.length !== 4) throw frameSize('a reset of another size');
};

/** Returns whether it has to be answered (RFC 9113 §6.5). */
export const checkSettings = (flags: number, stream: number, content: Buffer): boolean => {
  if (stream !== 0) throw protocol('SETTINGS of a stream');
  const isAnswer = (flags & FLAG.ack) !== 0;
  if (isAnswer && content.length > 0) throw frameSize('an answer to SETTINGS that says something');
  return !isAnswer;
};

/** Returns whether it has to be answered (RFC 9113 §6.7). */
export const checkPing = (flags: number, stream: number, content: Buffer): boolean => {
  if (stream !== 0) throw protocol('PING of a stream');
  if (content.length !== 8) throw frameSize('a PING of another size');
  return (flags & FLAG.ack) === 0;
};

/** By how much a window is wider (RFC 9113 §6.9). */
export const incrementOf = (stream: number, content: Buffer): number => {
  if (content.length !== 4) throw frameSize('a WINDOW_UPDATE of another size');
  const increment = content.readUInt32BE(0) & 0x7fff_ffff;
  if (increment > 0) return increment;
  if (stream === 0) throw protocol('a window that is wider by nothing');
  throw new StreamError(ERROR_CODE.protocol, 'a window that is wider by nothing');
};
