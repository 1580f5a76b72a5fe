import { z } from 'zod';
import type { RefusalCode } from '../../domain/refusal.ts';
import { acceptedTypes } from './input.ts';
import { OAUTH_ERRORS } from './oauth-error.ts';
import { PROBLEM_TYPE, PROBLEMS } from './problem.ts';
import type { ProblemCode } from './problem.ts';
import type { DocumentedAnswer, Listener, Route } from './route.ts';

/** OpenAPI 3.1 (3.1.1 of October 2024), made from the route table: what validates a request is what documents it. */

type Json = Record<string, unknown>;

export interface ApiInfo {
  readonly version: string;
}

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Json => {
  const {
    $schema: _dialect,
    '~standard': _standard,
    ...plain
  } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json;
  return plain;
};

/** What every route of its kind may refuse with, beside the codes that it names. */
export const refusalsOf = (route: Route): readonly RefusalCode[] => {
  const codes = new Set<RefusalCode>(route.refusals);
  if (route.bodyKind !== undefined || route.params || route.query) codes.add('invalid_request');
  if (route.bodyKind !== undefined) codes.add('payload_too_large').add('unsupported_media_type');
  if (route.access.kind !== 'none') codes.add('unauthenticated');
  if (route.access.kind === 'admin') codes.add('forbidden');
  if (route.sourceLimit) codes.add('rate_limited');
  if (route.admission !== 'always') codes.add('busy').add('read_only');
  return [...codes];
};

const refusalResponses = (route: Route): Json => {
  const isOauth = route.errorStyle === 'oauth';
  const table: Record<ProblemCode, { readonly status: number }> = isOauth ? OAUTH_ERRORS : PROBLEMS;
  const byStatus = Map.groupBy<number, ProblemCode>([...refusalsOf(route), 'internal'], (code) => table[code].status);
  const content = isOauth
    ? { 'application/json': { schema: { $ref: '#/components/schemas/OAuthError' } } }
    : { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } };
  const description = (codes: readonly ProblemCode[]): string =>
    codes.map((code) => `\`${isOauth ? OAUTH_ERRORS[code].error : code}\`: ${PROBLEMS[code].title}.`).join(' ');
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [String(status), { description: description(codes), content }]),
  );
};

const answerResponse = ({ description, schema, contentType }: DocumentedAnswer): Json => {
  if (schema === undefined && contentType === undefined) return { description };
  const media = schema ? { schema: schemaOf(schema, 'output') } : {};
  return { description, content: { [contentType ?? 'application/json']: media } };
};

const responses = (route: Route): Json => {
  const refused = refusalResponses(route);
  const answered = route.answers.map((answer) => [String(answer.status), answerResponse(answer)] as const);
  return { ...refused, ...Object.fromEntries(answered) };
};

const parameters = (schema: z.ZodType | undefined, place: 'path' | 'query'): Json[] => {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(schema, 'input') as {
    properties?: Record<string, Json>;
    required?: readonly string[];
  };
  return Object.entries(properties).map(([name, member]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: member,
  }));
};

/** Path parameters without a schema are text. */
const pathParameters = (route: Route): Json[] => {
  if (route.params) return parameters(route.params, 'path');
  return [...route.path.matchAll(/:(?<name>\w+)/g)].map((match) => ({
    name: match.groups?.['name'] ?? '',
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
};

const requestBody = (route: Route): Json => {
  if (route.bodyKind === undefined) return {};
  const media = route.body ? { schema: schemaOf(route.body, 'input') } : {};
  const content = Object.fromEntries(acceptedTypes(route).map((type) => [type, media]));
  return { requestBody: { required: true, content } };
};

/** On the local socket, and on routes open to all, the empty requirement: nothing that HTTP can see. */
const security = (route: Route): readonly Json[] => {
  if (route.access.kind === 'none') return [{}];
  return route.listeners.includes('admin') ? [{ x509Svid: [] }, {}] : [{ x509Svid: [] }];
};

/** `/v1/admin/entries/:id` → `/v1/admin/entries/{id}`. */
export const templatePath = (path: string): string => path.replaceAll(/:(?<name>\w+)/g, '{$<name>}');

const operationId = (route: Route): string =>
  `${route.method.toLowerCase()}${route.path.replaceAll(/[^A-Za-z0-9]+(?<next>[A-Za-z0-9]|$)/g, (_all, next: string) => next.toUpperCase())}`;

const operation = (route: Route): Json => ({
  operationId: operationId(route),
  summary: route.summary,
  ...(route.description !== undefined && { description: route.description }),
  ...(route.access.kind === 'admin' && { 'x-mayfly-role': route.access.role }),
  security: security(route),
  parameters: [...pathParameters(route), ...parameters(route.query, 'query')],
  ...requestBody(route),
  responses: responses(route),
});

const COMPONENTS: Json = {
  securitySchemes: {
    x509Svid: { type: 'mutualTLS', description: 'An X509-SVID of this trust domain as TLS client certificate.' },
  },
  schemas: {
    Problem: {
      description: 'RFC 9457. `code` is stable: programs hold on to it.',
      type: 'object',
      required: ['type', 'title', 'status', 'code'],
      properties: {
        type: { type: 'string' },
        title: { type: 'string' },
        status: { type: 'integer' },
        code: { type: 'string', enum: Object.keys(PROBLEMS) },
        detail: { type: 'string' },
        decision: { type: 'string', description: 'The decision on record, for `mayfly explain`.' },
        field: { type: 'string' },
        problems: {
          type: 'array',
          items: {
            type: 'object',
            required: ['field', 'problem'],
            properties: { field: { type: 'string' }, problem: { type: 'string' } },
          },
        },
      },
    },
    OAuthError: {
      description: 'RFC 6749 §5.2.',
      type: 'object',
      required: ['error'],
      properties: {
        error: { type: 'string', enum: [...new Set(Object.values(OAUTH_ERRORS).map(({ error }) => error))] },
        error_description: { type: 'string' },
      },
    },
  },
};

/** The document of one listener. */
export const openApiDocument = (routes: readonly Route[], listener: Listener, info: ApiInfo): Json => {
  const paths: Record<string, Json> = {};
  for (const route of routes.filter((each) => each.listeners.includes(listener))) {
    const path = templatePath(route.path);
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Mayfly',
      summary: 'Short-lived credentials for workloads',
      version: info.version,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    paths,
    components: COMPONENTS,
  };
};
