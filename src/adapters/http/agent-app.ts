import type { RequestListener, ServerResponse } from 'node:http';
import { METRICS_CONTENT_TYPE } from './metrics.ts';

export interface AgentOperations {
  readonly metrics: () => Promise<string>;
  /** Why workloads are not served, each in a few words; empty when they are. */
  readonly reasons: () => readonly string[];
}

const send = (response: ServerResponse, status: number, contentType: string, body: string): void => {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  response.end(body);
};

const sendJson = (response: ServerResponse, status: number, body: object): void =>
  send(response, status, 'application/json', JSON.stringify(body));

/** What operators ask an agent on loopback: `/livez`, `/readyz` and `/metrics` (DEC-34). Nothing else, and nothing by POST. */
export const agentApp = ({ metrics, reasons }: AgentOperations): RequestListener => {
  const answers: Readonly<Record<string, (response: ServerResponse) => void>> = {
    '/livez': (response) => sendJson(response, 200, { alive: true }),
    '/readyz': (response) => {
      const now = reasons();
      sendJson(response, now.length === 0 ? 200 : 503, { ready: now.length === 0, reasons: now });
    },
    '/metrics': (response) => {
      metrics().then(
        (text) => send(response, 200, METRICS_CONTENT_TYPE, text),
        () => sendJson(response, 500, { code: 'internal' }),
      );
    },
  };
  return (request, response) => {
    const answer = Object.hasOwn(answers, request.url ?? '') ? answers[request.url ?? ''] : undefined;
    if (answer === undefined) sendJson(response, 404, { code: 'not_found' });
    else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      sendJson(response, 405, { code: 'method_not_allowed' });
    } else answer(response);
  };
};
