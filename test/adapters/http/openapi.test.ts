import { Ajv2020 } from 'ajv/dist/2020.js';
import { z } from 'zod';
import { openApiDocument, refusalsOf, templatePath } from '../../../src/adapters/http/openapi.ts';
import { PROBLEMS } from '../../../src/adapters/http/problem.ts';
import { defineRoute } from '../../../src/adapters/http/route.ts';
import type { Route } from '../../../src/adapters/http/route.ts';
import { metricsRoutes } from '../../../src/adapters/http/routes/metrics.ts';
import { withOpenApi } from '../../../src/adapters/http/routes/openapi.ts';
import { probeRoutes } from '../../../src/adapters/http/routes/probes.ts';
import { ask, startServer } from '../../support/http.ts';
import { OPENAPI_SCHEMA } from '../../support/openapi-schema.ts';

const examples: readonly Route[] = [
  defineRoute({
    method: 'PUT',
    path: '/v1/admin/entries/:id',
    listeners: ['api', 'admin'],
    summary: 'Changes an entry',
    description: 'The revision has to be given.',
    access: { kind: 'admin', role: 'registrar' },
    bodyKind: 'json',
    body: z.strictObject({ ttl: z.int().min(300).optional(), id: z.string().transform((text) => text.length) }),
    query: z.object({ force: z.stringbool().optional(), limit: z.coerce.number() }),
    params: z.object({ id: z.string() }),
    answers: [{ status: 200, description: 'Changed.', schema: z.object({ revision: z.int() }) }],
    refusals: ['not_found', 'precondition_failed', 'invalid_entry'],
    handle: () => ({}),
  }),
  defineRoute({
    method: 'GET',
    path: '/v1/admin/entries/:id',
    listeners: ['api', 'admin'],
    summary: 'Reads an entry',
    access: { kind: 'admin', role: 'viewer' },
    answers: [{ status: 204, description: 'Nothing.' }],
    refusals: ['not_found'],
    handle: () => ({}),
  }),
  defineRoute({
    method: 'POST',
    path: '/oauth2/token',
    listeners: ['public'],
    summary: 'A token',
    access: { kind: 'none' },
    bodyKind: 'form',
    body: z.object({ grant_type: z.string() }),
    errorStyle: 'oauth',
    answers: [{ status: 200, description: 'The token.', schema: z.object({ access_token: z.string() }) }],
    refusals: ['invalid_client', 'invalid_scope'],
    handle: () => ({}),
  }),
  defineRoute({
    method: 'POST',
    path: '/v1/attest',
    listeners: ['api'],
    summary: 'Attests',
    access: { kind: 'none' },
    sourceLimit: 'attest',
    bodyKind: 'raw',
    contentTypes: ['application/pkcs10'],
    answers: [{ status: 200, description: 'PEM.', contentType: 'application/x-pem-file' }],
    refusals: ['attestation_refused'],
    handle: () => ({}),
  }),
];

const routes = withOpenApi(
  [
    ...examples,
    ...probeRoutes({ readiness: () => ({ reasons: [], probeAge: 1 }) }),
    ...metricsRoutes({ collect: () => Promise.resolve('') }),
  ],
  { version: '1.2.3' },
);

const validate = new Ajv2020({ allErrors: true, strict: true }).compile(OPENAPI_SCHEMA);

interface Operation {
  readonly operationId: string;
  readonly security: readonly Record<string, unknown>[];
  readonly parameters: readonly { name: string; in: string; required: boolean }[];
  readonly requestBody?: { content: Record<string, { schema: unknown }> };
  readonly responses: Record<string, { description: string; content?: Record<string, { schema: unknown }> }>;
}
const pathsOf = (listener: 'api' | 'public' | 'admin'): Record<string, Record<string, Operation>> =>
  openApiDocument(routes, listener, { version: '1' })['paths'] as Record<string, Record<string, Operation>>;

describe.each(['api', 'public', 'admin'] as const)('the document of %s', (listener) => {
  test('follows the rules of OpenAPI 3.1', () => {
    const document = openApiDocument(routes, listener, { version: '1.2.3' });
    validate(document);
    expect(validate.errors ?? []).toEqual([]);
  });

  test('has each route, and nothing else', () => {
    const documented = Object.entries(pathsOf(listener)).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const served = routes
      .filter((route) => route.listeners.includes(listener))
      .map((route) => `${route.method} ${templatePath(route.path)}`);
    expect(documented.sort()).toEqual(served.sort());
  });

  test('names each operation once, and each refusal by its status', () => {
    const operations = Object.values(pathsOf(listener)).flatMap((each) => Object.values(each));
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    for (const route of routes.filter((each) => each.listeners.includes(listener) && each.errorStyle !== 'oauth')) {
      const operation = pathsOf(listener)[templatePath(route.path)]?.[route.method.toLowerCase()];
      for (const code of refusalsOf(route)) expect(operation?.responses[PROBLEMS[code].status]).toBeDefined();
      for (const { status } of route.answers) expect(operation?.responses[status]).toBeDefined();
    }
  });
});

describe('an operation', () => {
  test('has its parameters, body, role and security', () => {
    const put = pathsOf('api')['/v1/admin/entries/{id}']?.['put'];
    expect(put).toMatchObject({
      operationId: 'putV1AdminEntriesId',
      'x-mayfly-role': 'registrar',
      security: [{ x509Svid: [] }, {}],
      parameters: [
        { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
        { name: 'force', in: 'query', required: false },
        { name: 'limit', in: 'query', required: true },
      ],
    });
    expect(put?.requestBody?.content['application/json']?.schema).toMatchObject({
      type: 'object',
      additionalProperties: false,
      required: ['id'],
    });
    expect(Object.keys(put?.responses ?? {})).toEqual(
      expect.arrayContaining(['200', '400', '401', '403', '404', '412', '413', '415', '500', '503']),
    );
  });

  test('on an OAuth endpoint has their errors', () => {
    const token = pathsOf('public')['/oauth2/token']?.['post'];
    expect(token?.responses['401']?.content).toEqual({
      'application/json': { schema: { $ref: '#/components/schemas/OAuthError' } },
    });
    expect(token?.responses['415']).toBeUndefined();
  });

  test('without access rules wants nothing, and tells the rate it is held to', () => {
    const attest = pathsOf('api')['/v1/attest']?.['post'];
    expect(attest?.security).toEqual([{}]);
    expect(attest?.responses['429']?.description).toContain('rate_limited');
    expect(Object.keys(attest?.requestBody?.content ?? {})).toEqual(['application/pkcs10']);
  });
});

test('the schema of the test finds mistakes', () => {
  const good = openApiDocument(routes, 'api', { version: '1' });
  const livez = (operation: unknown) => ({ ...good, paths: { '/livez': { get: operation } } });
  const fine = { operationId: 'a', summary: 'a', security: [], responses: { 200: { description: 'a' } } };
  expect(validate(livez(fine))).toBe(true);
  const broken = [
    { ...good, openapi: '3.0.0' },
    { ...good, info: { title: 'a', version: 1 } },
    { ...good, paths: { noslash: { get: fine } } },
    livez({ ...fine, responses: {} }),
    livez({ ...fine, responses: { 200: {} } }),
    livez({ ...fine, security: [{ unknown: [] }] }),
    livez({ ...fine, parameters: [{ name: 'id', in: 'path', schema: {} }] }),
    livez({ ...fine, sumary: 'a' }),
  ];
  for (const document of broken) expect(validate(document)).toBe(false);
});

describe('operations', () => {
  test('the document is served', async () => {
    const { server, port } = await startServer(routes);
    const answer = await ask({ port, path: '/openapi.json' });
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.json()).toMatchObject({ openapi: '3.1.1', info: { version: '1.2.3' } });
    await server.close();
  });

  test.each([
    [{ reasons: [], probeAge: 3 }, 200, { ready: true, reasons: [], probeAge: 3 }],
    [{ reasons: [], probeAge: 31 }, 503, { ready: false, reasons: ['the probe has not passed lately'] }],
    [{ reasons: [] }, 503, { ready: false }],
    [{ reasons: ['the store takes no writes'], probeAge: 1 }, 503, { reasons: ['the store takes no writes'] }],
  ])('ready means tried, not long ago: %j', async (readiness, status, body) => {
    // DEC-34
    const { server, port } = await startServer(probeRoutes({ readiness: () => readiness }));
    const answer = await ask({ port, path: '/readyz' });
    expect(answer.status).toBe(status);
    expect(answer.json()).toMatchObject(body);
    expect((await ask({ port, path: '/livez' })).json()).toEqual({ alive: true });
    await server.close();
  });
});
