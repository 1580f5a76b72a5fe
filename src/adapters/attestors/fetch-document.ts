import { lookup } from 'node:dns';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { Refusal } from '../../domain/refusal.ts';
import { type JsonObject, parseJsonObject } from '../../formats/json.ts';
import { isPublicAddress } from './public-address.ts';

/** Everything together: name, connection, TLS and the last octet. */
const TIMEOUT_MS = 5_000;
const MAX_BYTES = 1024 * 1024;

export interface FetchRights {
  /** PEM of the authorities for the server's certificate, in place of the public ones. */
  readonly ca?: string;
  /** Loopback, private and link-local addresses are allowed: an operator's word, never that of a document (DEC-56). */
  readonly private: boolean;
}

/** Why a document could not be had. For the operator; holds no more of the URL than its host. */
export class FetchProblem extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FetchProblem';
  }
}

/**
 * Resolves a name and gives only addresses that were looked at, so that the connection goes to these and to no others that
 * the name may have a moment later. One bad address condemns the name.
 */
const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    const [first] = addresses ?? [];
    if (error) callback(error, '');
    else if (first === undefined || !addresses.every(({ address }) => isPublicAddress(address))) {
      callback(new FetchProblem('its name leads to an address that is not public'), '');
    } else if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};

const plainHost = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '');

const checkUrl = (url: URL, rights: FetchRights): void => {
  if (url.protocol !== 'https:') throw new FetchProblem('the URL is not https');
  if (url.username !== '' || url.password !== '') throw new FetchProblem('the URL holds credentials');
  const host = plainHost(url);
  if (!rights.private && isIP(host) !== 0 && !isPublicAddress(host)) {
    throw new FetchProblem('its address is not public');
  }
};

const get = (url: URL, rights: FetchRights): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        // A connection of its own: a pooled one would not have been looked at.
        agent: false,
        headers: { accept: 'application/json' },
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(!rights.private && { lookup: publicLookup }),
        ...(rights.ca !== undefined && { ca: rights.ca }),
      },
      resolve,
    );
    sent.on('error', reject);
    sent.end();
  });

const read = async (response: IncomingMessage): Promise<Buffer> => {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length;
    if (length > MAX_BYTES) throw new FetchProblem('the document is longer than 1 MiB');
    parts.push(part);
  }
  return Buffer.concat(parts);
};

const fetchBody = async (url: URL, rights: FetchRights): Promise<Buffer> => {
  const response = await get(url, rights);
  try {
    // A redirect is an answer like any other that is not 200: nobody follows it.
    if (response.statusCode !== 200) throw new FetchProblem(`the answer has status ${response.statusCode}`);
    return await read(response);
  } finally {
    response.destroy();
  }
};

const problemOf = (error: unknown): string => {
  if (error instanceof FetchProblem || error instanceof Refusal) return error.message;
  const { code, name } = error as { readonly code?: unknown; readonly name?: unknown };
  return typeof code === 'string' && name !== 'AbortError' ? code : 'no answer in time';
};

/**
 * Fetches a JSON object over https: no redirect, 5 s and 1 MiB at most, and only from public addresses unless the operator
 * gave the right to others (JA-11, DEC-56). Throws a `FetchProblem`.
 */
export const fetchDocument = async (url: URL, rights: FetchRights): Promise<JsonObject> => {
  try {
    checkUrl(url, rights);
    return parseJsonObject(await fetchBody(url, rights), { maxBytes: MAX_BYTES });
  } catch (error) {
    throw new FetchProblem(`${url.host}: ${problemOf(error)}`);
  }
};
