import { randomUUID } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import type { Answered } from './http.ts';
import type { Journey } from './journey.ts';
import type { Client, ClientRequest } from './journey-client.ts';
import { type ApiDocument, DocumentedApi, type Known, type MadeRequest } from './schema-requests.ts';
import type { Choices } from './schema-values.ts';

type Send = (path: string, request?: ClientRequest) => Promise<Answered>;

/** One way to reach one listener. */
interface Way {
  readonly name: string;
  readonly send: Send;
}

/** Requests to a Unix socket, a connection each. */
const overSocket =
  (socketPath: string): Send =>
  (path, { method = 'GET', headers = {}, body } = {}) => {
    const { promise, resolve, reject } = Promise.withResolvers<Answered>();
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const request = httpRequest({ socketPath, path, method, headers: { host: 'localhost', ...length, ...headers } });
    request.once('error', reject);
    request.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString();
        const json = (): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
      });
    });
    request.end(body);
    return promise;
  };

/** What requests may have revoked is released, so that the next round gets further than to the door. */
const release = async (journey: Journey): Promise<void> => {
  const { revocations } = await journey.administer<{ revocations: { id: string; predicates: string[] }[] }>(
    'GET',
    '/v1/admin/revocations',
  );
  for (const { id, predicates } of revocations) {
    if (predicates.some((each) => each !== 'cutoff')) {
      await journey.administer('POST', `/v1/admin/revocations/${id}/release`);
    }
  }
};

/** Everyone who can call: a stranger, an agent, an administrator by certificate, a relying party, the local operator. */
const waysOf = async (journey: Journey): Promise<readonly Way[]> => {
  await release(journey);
  const id = `admin-${randomUUID()}`;
  await journey.entry(id, { admin: { role: 'owner', prefix: 'spiffe://example.org' } });
  const [agent, admin] = [await journey.attest({ agent: true }), await journey.attest({ entry: id })];
  const over = (name: string, client: Client): Way => ({ name, send: (path, request) => client.ask(path, request) });
  return [
    over('a stranger', journey.api()),
    over('an agent', journey.api(agent)),
    over('an administrator', journey.api(admin)),
    over('a relying party', journey.public()),
    { name: 'the operator', send: overSocket(journey.server.ready.adminSocket) },
  ];
};

/** One of each kind of record, made anew each time: whoever is asked next may delete, ban or revoke it. */
const makeRecords = async (journey: Journey): Promise<Known> => {
  const id = `made-${randomUUID()}`;
  const identifier = `https://${id}.example.org`;
  await journey.entry(id);
  await journey.administer('POST', '/v1/admin/resources', {
    identifier,
    scopes: [{ name: 'read' }],
    bindings: ['mtls'],
  });
  const { spiffeId, serial } = await journey.attest({ agent: true });
  const revocation = await journey.revoke({ kind: 'identity', value: `spiffe://example.org/${id}/gone` });
  return {
    '/v1/admin/entries/': id,
    '/v1/admin/resources/': identifier,
    '/v1/admin/agents/': spiffeId,
    '/v1/admin/credentials/': serial,
    '/v1/admin/explain/': serial,
    '/v1/admin/revocations/': revocation.id,
  };
};

export interface Exercised {
  readonly requests: number;
  /** How many were answered with success. */
  readonly answered: number;
  /** Operations of all listeners that were answered with success at least once. */
  readonly reached: ReadonlySet<string>;
  /** Each once, with the request that showed it. */
  readonly problems: readonly string[];
}

const shown = ({ method, path, body }: MadeRequest): string => {
  const text = body === undefined ? '' : ` ${Buffer.from(body).toString().slice(0, 400)}`;
  return `${method} ${path.slice(0, 200)}${text}`;
};

/** Asks every operation of every listener, in every way, once a round. */
export const exerciseApi = async (
  journey: Journey,
  choices: Choices,
  goOn: (rounds: number) => boolean,
): Promise<Exercised> => {
  const problems = new Map<string, string>();
  const reached = new Set<string>();
  let [requests, answered] = [0, 0];

  const askOnce = async (
    way: Way,
    api: DocumentedApi,
    operation: DocumentedApi['operations'][number],
  ): Promise<void> => {
    const request = api.request(operation, choices);
    const answer = await way.send(request.path, request);
    requests += 1;
    if (answer.status < 300) {
      answered += 1;
      reached.add(`${request.method} ${operation.path}`);
    }
    for (const problem of api.problems(operation, request, answer)) {
      const what = `${request.method} ${operation.path} for ${way.name}: ${problem}`;
      const kind = what.replaceAll(/\d{4,}|[0-9a-f]{16,}/g, '0').slice(0, 120);
      if (!problems.has(kind)) problems.set(kind, `${what}\n    ${shown(request)}`);
    }
  };

  for (let round = 0; goOn(round); round++) {
    for (const way of await waysOf(journey)) {
      const document = (await way.send('/openapi.json')).json() as unknown as ApiDocument;
      const api = new DocumentedApi(document, await makeRecords(journey));
      for (const operation of api.operations) await askOnce(way, api, operation);
    }
  }
  return { requests, answered, reached, problems: [...problems.values()] };
};
