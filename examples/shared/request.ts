import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { z } from 'zod';
import { isSpiffeId } from './spiffe-peer.ts';

/** An X.509-SVID in use: PEM. */
export interface TlsClient {
  readonly chain: string;
  readonly privateKey: string;
}

/** Whom to talk to, and as whom. */
export interface Target {
  readonly url: string;
  /** PEM of the roots that the server's certificate must lead to. */
  readonly bundle: string;
  /** The one SPIFFE ID that the server must have. */
  readonly serverId: string;
  readonly client?: TlsClient;
}

export interface Message {
  readonly method?: 'GET' | 'POST';
  readonly json?: object;
  readonly form?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

const bodyOf = ({ json, form }: Message): { readonly body: string; readonly type: string } | undefined => {
  if (json) return { body: JSON.stringify(json), type: 'application/json' };
  if (form) return { body: new URLSearchParams(form).toString(), type: 'application/x-www-form-urlencoded' };
  return undefined;
};

const read = async (incoming: IncomingMessage): Promise<Answer> => {
  let text = '';
  for await (const chunk of incoming.setEncoding('utf8') as AsyncIterable<string>) {
    text += chunk;
    if (text.length > MAX_ANSWER_BYTES) throw new Error('the answer is too long');
  }
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, text };
};

type Open = (headers: OutgoingHttpHeaders, onAnswer: (incoming: IncomingMessage) => void) => ClientRequest;

const exchange = async (message: Message, open: Open): Promise<Answer> => {
  const content = bodyOf(message);
  const headers = {
    accept: 'application/json',
    ...(content && { 'content-type': content.type, 'content-length': Buffer.byteLength(content.body) }),
    ...message.headers,
  };
  const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = open(headers, resolve).on('error', reject);
    outgoing.setTimeout(TIMEOUT_MS, () => outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    outgoing.end(content?.body);
  });
  return read(incoming);
};

const methodOf = ({ method, json, form }: Message): string => method ?? (json || form ? 'POST' : 'GET');

/** One request over TLS, to a server that proves `serverId` under the roots of `bundle`, on a connection of its own. */
export const ask = ({ url, bundle, serverId, client }: Target, message: Message = {}): Promise<Answer> =>
  exchange(message, (headers, onAnswer) =>
    httpsRequest(
      url,
      {
        method: methodOf(message),
        headers,
        agent: false,
        ca: bundle,
        checkServerIdentity: isSpiffeId(serverId),
        ...(client && { cert: client.chain, key: client.privateKey }),
      },
      onAnswer,
    ),
  );

/** One request over a Unix socket. */
export const askSocket = (socketPath: string, path: string, message: Message = {}): Promise<Answer> =>
  exchange(message, (headers, onAnswer) =>
    httpRequest({ socketPath, path, method: methodOf(message), headers, agent: false }, onAnswer),
  );

/** An answer was not what it should be. The message is a sentence for the person in front of the screen. */
export class Unexpected extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Unexpected';
  }
}

/** What kept an answer from being what was expected: its own words, shortened. */
const wordsOf = ({ status, text }: Answer): string => `HTTP ${status} ${text.slice(0, 400)}`.trim();

/** The body of an answer that must have this status and this form; throws `Unexpected` otherwise. */
export const expectAnswer = <T>(what: string, answer: Answer, status: number, form: z.ZodType<T>): T => {
  if (answer.status !== status) {
    throw new Unexpected(`${what}: expected HTTP ${status}, and the answer was ${wordsOf(answer)}`);
  }
  const parsed = form.safeParse(parseOrUndefined(answer.text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Unexpected(
    `${what}: the answer has another form (${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''})`,
  );
};

const parseOrUndefined = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
