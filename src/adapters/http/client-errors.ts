import type { Duplex } from 'node:stream';
import { PROBLEM_TYPE, type ProblemCode, PROBLEMS, problemType } from './problem.ts';

/** What is told to a peer whose request is not even HTTP; written by hand, since there is no response object. */
const rawProblem = (status: number, phrase: string, code: ProblemCode, detail: string): string => {
  const body = JSON.stringify({
    type: problemType(code),
    title: PROBLEMS[code].title,
    status,
    code,
    detail,
  });
  const head = `content-type: ${PROBLEM_TYPE}\r\ncontent-length: ${Buffer.byteLength(body)}\r\ncache-control: no-store`;
  return `HTTP/1.1 ${status} ${phrase}\r\n${head}\r\nconnection: close\r\n\r\n${body}`;
};

const TOO_SLOW = 'ERR_HTTP_REQUEST_TIMEOUT';

const CLIENT_ERRORS: Readonly<Record<string, string>> = {
  [TOO_SLOW]: rawProblem(408, 'Request Timeout', 'invalid_request', 'the request took too long'),
  HPE_HEADER_OVERFLOW: rawProblem(
    431,
    'Request Header Fields Too Large',
    'payload_too_large',
    'the headers are too large',
  ),
};
const NOT_HTTP = rawProblem(400, 'Bad Request', 'invalid_request', 'this is not well-formed HTTP');

/** Only a peer that speaks HTTP is answered: one that got stuck in its TLS handshake could never read it. */
export const answerClientError = ({ code = '' }: { readonly code?: string | undefined }, socket: Duplex): void => {
  const isHttp = code.startsWith('HPE_') || code in CLIENT_ERRORS;
  if (isHttp && socket.writable) socket.end(CLIENT_ERRORS[code] ?? NOT_HTTP, () => socket.destroy());
  else socket.destroy();
};

/** Ends the connection of a peer that takes too long for its request. */
export const answerTooSlow = (socket: Duplex): void => {
  answerClientError({ code: TOO_SLOW }, socket);
};
