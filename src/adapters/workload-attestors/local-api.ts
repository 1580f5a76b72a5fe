import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request as tlsRequest, type RequestOptions } from 'node:https';
import { type JsonObject, parseJsonObject } from '../../formats/json.ts';

/** As an ES module it costs each thread 7 MiB (docs/performance.md). */
const { request: plainRequest } = process.getBuiltinModule('node:http');

/** Where an engine or a kubelet answers: on a Unix socket, or over https with an authority of its own. */
export type LocalEndpoint =
  | { readonly socket: string }
  | {
      /** https, without path, query and credentials. */
      readonly url: string;
      /** File with the PEM of the authority, or with the very certificate, of the server. */
      readonly caFile: string;
      /** The name in its certificate, where the URL has an address. */
      readonly serverName?: string;
      /** File with a bearer token; read anew each time, since such tokens are rotated in place. */
      readonly tokenFile?: string;
    };

export interface LocalApiLimits {
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

/** The body of an answer with status 200, or nothing for 404. */
export type LocalApi = (path: string) => Promise<Buffer | undefined>;

const MAX_DEPTH = 64;

/** Reads an answer as strictly as one of a stranger: no duplicate members, bounded depth. Throws a `Refusal`. */
export const readAnswer = (body: Buffer): JsonObject =>
  parseJsonObject(body, { maxBytes: body.length, maxDepth: MAX_DEPTH, bigIntegers: true });

const httpsUrl = (text: string): URL => {
  const url = URL.parse(text);
  const isBare = url?.pathname === '/' && url.search === '' && url.hash === '' && url.username === '';
  if (url?.protocol !== 'https:' || !isBare || url.password !== '') {
    throw new RangeError(
      'the URL of a local API is https://host:port and no more: on a plain port, any local user may answer',
    );
  }
  return url;
};

const TOKEN_MAX_LENGTH = 16 * 1024;

const bearer = async (file: string): Promise<string> => {
  const token = (await readFile(file, 'utf8')).trim();
  if (token.length > TOKEN_MAX_LENGTH || !/^[\x21-\x7e]+$/.test(token))
    throw new Error('the token file holds no token');
  return `Bearer ${token}`;
};

const optionsFor = async (endpoint: LocalEndpoint): Promise<RequestOptions> => {
  if ('socket' in endpoint) return { socketPath: endpoint.socket, host: 'localhost' };
  const { hostname, port } = httpsUrl(endpoint.url);
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? 443 : Number(port),
    ca: await readFile(endpoint.caFile),
    ...(endpoint.serverName !== undefined && { servername: endpoint.serverName }),
    ...(endpoint.tokenFile !== undefined && { headers: { authorization: await bearer(endpoint.tokenFile) } }),
  };
};

const send = (endpoint: LocalEndpoint, options: RequestOptions): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const sent = ('socket' in endpoint ? plainRequest : tlsRequest)(options, resolve);
    sent.on('error', reject);
    sent.end();
  });

const read = async (response: IncomingMessage, maxBytes: number): Promise<Buffer> => {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > maxBytes) throw new Error(`the answer is longer than ${maxBytes} bytes`);
    parts.push(part);
  }
  if (!response.complete) throw new Error('the answer broke off');
  return Buffer.concat(parts);
};

/**
 * Asks an API of this machine by GET. Each call has its own connection, time and length. Rejects for everything but 200 and 404.
 * A RangeError says at once what is wrong with the endpoint: plain http over TCP is refused, since any local user may take
 * a free port and lie.
 */
export const localApi = (endpoint: LocalEndpoint, { timeoutMs, maxBytes }: LocalApiLimits): LocalApi => {
  if ('url' in endpoint) httpsUrl(endpoint.url);
  return async (path) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await send(endpoint, { ...(await optionsFor(endpoint)), agent: false, path, signal });
    try {
      if (response.statusCode === 404) return undefined;
      // A redirect is an answer like any other that is not 200: nobody follows it.
      if (response.statusCode !== 200) throw new Error(`the answer has status ${response.statusCode}`);
      return await read(response, maxBytes);
    } finally {
      response.destroy();
    }
  };
};
