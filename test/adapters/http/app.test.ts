import { defineRoute } from '../../../src/adapters/http/route.ts';
import type { Route } from '../../../src/adapters/http/route.ts';
import { Refusal, problemsRefusal } from '../../../src/domain/refusal.ts';
import { ask, askJson, startServer, testServices } from '../../support/http.ts';
import type { RunningServer } from '../../support/http.ts';
import { expectProblem, sampleRoutes } from '../../support/sample-routes.ts';

const SECRET = 'eyJhbGciOiJub25lIn0.c2VjcmV0.c2ln';

const routes: readonly Route[] = [
  ...sampleRoutes(),
  defineRoute({
    method: 'GET',
    path: '/things/:id',
    listeners: ['api'],
    summary: 'reads',
    access: { kind: 'none' },
    answers: [],
    refusals: [],
    handle: ({ path }) => ({ body: { path } }),
  }),
  defineRoute({
    method: 'GET',
    path: '/fails/:how',
    listeners: ['api'],
    summary: 'fails',
    access: { kind: 'none' },
    answers: [],
    refusals: [],
    handle: (_context) => {
      switch (_context.path) {
        case '/fails/refusal':
          throw new Refusal('revoked', 'it is revoked', { reason: 'for operators', decisionId: '0a', field: 'serial' });
        case '/fails/problems':
          throw problemsRefusal('invalid_entry', [
            { field: 'a', problem: 'no' },
            { field: 'b', problem: 'nor this' },
          ]);
        case '/fails/busy':
          throw new Refusal('busy', 'full', { retryAfter: 2.2 });
        default:
          throw new TypeError(`cannot read ${SECRET}`);
      }
    },
  }),
  defineRoute({
    method: 'GET',
    path: '/public-only',
    listeners: ['public'],
    summary: 'elsewhere',
    access: { kind: 'none' },
    answers: [],
    refusals: [],
    handle: () => ({}),
  }),
  defineRoute({
    method: 'GET',
    path: '/svid',
    listeners: ['api'],
    summary: 'for callers',
    access: { kind: 'svid' },
    answers: [],
    refusals: [],
    handle: () => ({}),
  }),
];

const services = testServices();
let running: RunningServer;
beforeAll(async () => {
  running = await startServer(routes, { services });
});
afterAll(() => running.server.close());

const post = (path: string, value: unknown) => askJson({ port: running.port, path, value });
const get = (path: string, headers = {}) => ask({ port: running.port, path, headers });

describe('finding a route', () => {
  test('a known path with another method is 405, with Allow', async () => {
    // AS-05
    const answer = await ask({ port: running.port, method: 'PUT', path: '/things/x' });
    expectProblem(answer, 405, 'method_not_allowed');
    expect(answer.headers['allow']).toBe('GET, HEAD, POST');
    expect((await ask({ port: running.port, method: 'OPTIONS', path: '/form' })).headers['allow']).toBe('POST');
  });

  test.each(['/', '/thing', '/things', '/things/', '/things/a/b', '/Things/a', '/form/', '/public-only', '//form'])(
    'an unknown path is 404: %s',
    async (path) => expectProblem(await get(path), 404, 'not_found'),
  );

  test('errors are JSON, whatever Accept says', async () => {
    // AS-06
    for (const path of ['/nowhere', '/fails/refusal', '/fails/bug', '/things/%E0%A4%A']) {
      const answer = await get(path, { accept: 'text/html' });
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect(answer.text).not.toContain('<');
    }
  });

  test('a path that is not well-formed is 400', async () => {
    expectProblem(await get('/things/%E0%A4%A'), 400, 'invalid_request');
  });

  test('HEAD has the headers of GET and no body', async () => {
    const head = await ask({ port: running.port, method: 'HEAD', path: '/things/x' });
    expect(head).toMatchObject({ status: 200, text: '' });
    expect(head.headers['content-length']).toBe(String((await get('/things/x')).text.length));
  });

  test('the same route twice is a mistake', async () => {
    const [route] = routes;
    await expect(startServer(route ? [route, route] : [])).rejects.toThrow('twice');
  });
});

describe('answers', () => {
  test('carry what keeps them out of caches and of guesses', async () => {
    const answer = await post('/things/x?limit=3', { name: 'n' });
    expect(answer).toMatchObject({ status: 201 });
    expect(answer.json()).toEqual({ name: 'n', limit: 3, id: 'x' });
    expect(answer.headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-type': 'application/json',
      etag: '"1"',
    });
    expect(answer.headers['x-powered-by']).toBeUndefined();
  });

  test('may be empty', async () => {
    const answer = await ask({ port: running.port, method: 'DELETE', path: '/nothing' });
    expect(answer).toMatchObject({ status: 204, text: '' });
    expect(answer.headers['content-type']).toBeUndefined();
  });

  test('may be octets', async () => {
    const headers = { 'content-type': 'application/ocsp-request' };
    const answer = await ask({ port: running.port, method: 'POST', path: '/raw', headers, body: 'abc' });
    expect(answer).toMatchObject({ status: 200, text: 'bc' });
    expect(answer.headers['content-type']).toBe('application/ocsp-response');
  });
});

describe('failures', () => {
  test('a refusal tells its code and detail, never its reason', async () => {
    const answer = await get('/fails/refusal');
    expect(answer.json()).toEqual({
      type: 'urn:mayfly:problem:revoked',
      title: 'The identity is revoked',
      status: 403,
      code: 'revoked',
      detail: 'it is revoked',
      decision: '0a',
      field: 'serial',
    });
  });

  test('several problems are told together', async () => {
    expect((await get('/fails/problems')).json()['problems']).toEqual([
      { field: 'a', problem: 'no' },
      { field: 'b', problem: 'nor this' },
    ]);
  });

  test('a full server says when to come back, in whole seconds', async () => {
    // AS-08
    const answer = await get('/fails/busy');
    expectProblem(answer, 503, 'busy');
    expect(answer.headers['retry-after']).toBe('3');
  });

  test('a bug is a bare 500, and a log line for the operator', async () => {
    const answer = await get('/fails/bug');
    expect(answer.json()).toEqual({
      type: 'urn:mayfly:problem:internal',
      title: 'The server failed',
      status: 500,
      code: 'internal',
    });
    expect(services.logger.lines.at(-1)).toMatchObject({
      message: 'a request failed',
      fields: { operation: 'GET /fails/:how', error: { name: 'TypeError', message: 'cannot read [masked]' } },
    });
    expect(JSON.stringify(services.logger.lines)).not.toContain(SECRET);
  });

  test('nobody without a certificate passes where one is asked for', async () => {
    expectProblem(await get('/svid'), 401, 'unauthenticated');
  });
});

test('credentials are made when it is their turn, and those that fail give their place back', async () => {
  const services = testServices();
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const begun = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const handled = Promise.withResolvers<void>();
  let asked = 0;
  const route = defineRoute({
    method: 'GET',
    path: '/make',
    listeners: ['api'],
    summary: 'makes',
    access: { kind: 'none' },
    answers: [],
    refusals: [],
    handle: () => {
      const at = asked++;
      if (at === 1) handled.resolve();
      return {
        items: 64,
        urgency: 'other',
        make: async (send) => {
          begun[at]?.resolve();
          await gates[at]?.promise;
          if (at === 0) throw new Error('not made');
          send({ body: { itemsNow: services.work.items } });
        },
      };
    },
  });
  const { server, port } = await startServer([route], { services });
  const first = ask({ port, path: '/make' });
  await begun[0]?.promise;
  const second = ask({ port, path: '/make' });
  await handled.promise;
  expect([services.work.items, services.admission.inFlight]).toEqual([64, 2]);
  gates[0]?.resolve();
  expect((await first).status).toBe(500);
  await begun[1]?.promise;
  gates[1]?.resolve();
  expect((await second).json()).toEqual({ itemsNow: 64 });
  expect([services.work.items, services.admission.inFlight]).toEqual([0, 0]);
  await server.close();
});

test('work that ends without an answer is a bug, and its peer hears so', async () => {
  const services = testServices();
  const route = defineRoute({
    method: 'GET',
    path: '/forgets',
    listeners: ['api'],
    summary: 'forgets',
    access: { kind: 'none' },
    answers: [],
    refusals: [],
    handle: () => ({ items: 1, urgency: 'other', make: async () => {} }),
  });
  const { server, port } = await startServer([route], { services });
  expect((await ask({ port, path: '/forgets' })).status).toBe(500);
  expect(services.logger.lines.at(-1)).toMatchObject({
    message: 'a request failed',
    fields: { operation: 'GET /forgets', error: { message: 'the work ended without an answer' } },
  });
  expect([services.work.items, services.admission.inFlight]).toEqual([0, 0]);
  await server.close();
});
