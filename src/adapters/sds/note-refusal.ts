import type { Logger } from '../../ports/logger.ts';
import type { ErrorDetail, NodeMessage } from './messages.ts';

const MAX_MESSAGE_CHARACTERS = 300;
const MAX_ID_CHARACTERS = 100;

/** One line without control characters, of bounded length, and cut before anything that looks like PEM. */
const tidied = (text: string, length: number): string => {
  const [before = ''] = text.slice(0, 4 * length).split('-----BEGIN', 1);
  const line = before.replaceAll(/[\s\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').trim();
  return line.length > length ? `${line.slice(0, length)}…` : line;
};

/**
 * What is remembered of a node as long as its stream is open: who it is, for the log. All else of it may be long, and so may its
 * name; a part of a text would keep the whole of it, were it not written anew.
 */
export const nameOf = ({ id }: NodeMessage): string => Buffer.from(tidied(id, MAX_ID_CHARACTERS)).toString();

/** Tells operators that an Envoy refused what it was sent: it goes on with what it had (SDS-23). Both texts are the client's. */
export const noteRefusal = (logger: Logger, node: string, detail: ErrorDetail | null): void => {
  logger.warn('an Envoy refused its secrets', {
    node,
    refusal: tidied(detail?.message ?? '', MAX_MESSAGE_CHARACTERS),
  });
};
