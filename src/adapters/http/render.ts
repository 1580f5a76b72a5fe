import { Refusal } from '../../domain/refusal.ts';
import type { HttpAnswer } from './exchange.ts';
import { INTERNAL_OAUTH_ERROR, OAUTH_ERRORS, oauthErrorOf } from './oauth-error.ts';
import { INTERNAL_PROBLEM, PROBLEM_TYPE, PROBLEMS, problemOf } from './problem.ts';
import type { Answer, Route } from './route.ts';
import { switchProtocols, UPGRADE_PROTOCOL } from './upgrade.ts';

export type ErrorStyle = NonNullable<Route['errorStyle']>;

const JSON_TYPE = 'application/json';

const isOctets = (body: object): body is Uint8Array => ArrayBuffer.isView(body);

const payloadOf = (body: Answer['body']): { payload: string | Uint8Array; type: string } | undefined => {
  if (body === undefined) return undefined;
  if (typeof body === 'string') return { payload: body, type: 'text/plain; charset=utf-8' };
  if (isOctets(body)) return { payload: body, type: 'application/octet-stream' };
  return { payload: JSON.stringify(body), type: JSON_TYPE };
};

/** What every answer carries, unless its route says otherwise. */
const BASE_HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };

/** An answer as it is written. */
export interface EncodedAnswer {
  readonly status: number;
  readonly headers: Record<string, string | number | string[]>;
  readonly payload: string | Uint8Array | undefined;
}

export const encodeAnswer = (answer: Answer): EncodedAnswer => {
  const content = payloadOf(answer.body);
  const status = answer.status ?? (content === undefined ? 204 : 200);
  const headers: Record<string, string | number | readonly string[]> = { ...BASE_HEADERS };
  if (content !== undefined) {
    headers['content-type'] = answer.contentType ?? content.type;
    headers['content-length'] = Buffer.byteLength(content.payload);
  } else if (status !== 204 && status !== 304) {
    headers['content-length'] = 0;
  }
  for (const name in answer.headers) headers[name.toLowerCase()] = answer.headers[name] ?? '';
  return { status, headers: headers as EncodedAnswer['headers'], payload: content?.payload };
};

/** As much as one TLS record holds. */
const SLICE_BYTES = 16 * 1024;

/**
 * Of what was made for one peer. Each slice waits for a turn of the event loop, and all turns are long where much is signed. A slice of
 * everything would stand in memory twice while its peer does not read, and a slow one would be cut off in its midst.
 */
const OWN_SLICE_BYTES = 64 * 1024;

/**
 * Sends a large body, each slice once the kernel took the one before. All of it at once would be encrypted at once, and stand in
 * memory for each peer that does not read, while the octets themselves may be one document for all.
 */
const endInSlices = (response: HttpAnswer, octets: Uint8Array, sliceBytes: number): void => {
  let sent = 0;
  const sendNext = (error?: Error | null): void => {
    if (error) return;
    const slice = octets.subarray(sent, sent + sliceBytes);
    sent += slice.length;
    if (sent < octets.length) response.write(slice, sendNext);
    else response.end(slice);
  };
  sendNext();
};

const isMadeHere = ({ body }: Answer): boolean => typeof body === 'object' && !isOctets(body);

/** Sends an answer. A peer that has gone is not an error. */
export const sendAnswer = (response: HttpAnswer, answer: Answer, head = false): void => {
  if (response.headersSent || response.destroyed) return;
  if (answer.takeOver) {
    switchProtocols(response, answer.takeOver);
    return;
  }
  const { status, headers, payload } = encodeAnswer(answer);
  response.writeHead(status, headers);
  if (head || payload === undefined) response.end();
  else if (Number(headers['content-length']) <= SLICE_BYTES) response.end(payload);
  else {
    const octets = typeof payload === 'string' ? Buffer.from(payload) : payload;
    endInSlices(response, octets, isMadeHere(answer) ? OWN_SLICE_BYTES : SLICE_BYTES);
  }
};

const retryHeader = (refusal: Refusal, status: number): Record<string, string> =>
  status === 429 || status === 503 ? { 'retry-after': String(Math.max(1, Math.ceil(refusal.retryAfter ?? 1))) } : {};

/** What a 426 has to name (RFC 9110 §15.5.22). */
const upgradeHeader = (status: number): Record<string, string> =>
  status === 426 ? { upgrade: UPGRADE_PROTOCOL, connection: 'upgrade' } : {};

const problemAnswer = (refusal: Refusal): Answer => {
  const { status } = PROBLEMS[refusal.code];
  const headers = { ...retryHeader(refusal, status), ...upgradeHeader(status) };
  return { status, headers, body: problemOf(refusal), contentType: PROBLEM_TYPE };
};

/**
 * An authentication scheme is a token (RFC 9110 §11.1); anything else is not repeated to the peer, nor a word that stands
 * alone, which is a credential without its scheme (AS-09).
 */
const SCHEME = /^(?<scheme>[A-Za-z0-9!#$%&'*+.^_`|~-]{1,32}) /;

const oauthAnswer = (refusal: Refusal, authorization: string | undefined): Answer => {
  const { status, error } = OAUTH_ERRORS[refusal.code];
  const headers: Record<string, string> = { pragma: 'no-cache', ...retryHeader(refusal, status) };
  // The decision id stands in a header, since the body is the same for each way of failing (CC-21).
  if (refusal.decisionId !== undefined) headers['mayfly-decision'] = refusal.decisionId;
  if (status === 401 && authorization !== undefined) {
    const scheme = SCHEME.exec(authorization)?.groups?.['scheme'] ?? 'Bearer';
    headers['www-authenticate'] = `${scheme} realm="mayfly", error="${error}"`;
  }
  return { status, headers, body: oauthErrorOf(refusal) };
};

/** A refusal as its edge tells it. `authorization` is the request's header of that name, if it had one (CC-18). */
export const refusalAnswer = (style: ErrorStyle, refusal: Refusal, authorization?: string): Answer =>
  style === 'oauth' ? oauthAnswer(refusal, authorization) : problemAnswer(refusal);

/** A failure of ours: nothing of it is told. */
export const internalAnswer = (style: ErrorStyle): Answer =>
  style === 'oauth'
    ? { status: OAUTH_ERRORS.internal.status, body: INTERNAL_OAUTH_ERROR }
    : { status: PROBLEMS.internal.status, body: INTERNAL_PROBLEM, contentType: PROBLEM_TYPE };
