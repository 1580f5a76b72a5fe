import type { z } from 'zod';
import { Refusal, problemsRefusal } from '../../domain/refusal.ts';
import { parseJson } from '../../formats/json.ts';
import { DEFAULT_MAX_BODY_BYTES, hasBody, readBody } from './body.ts';
import type { HttpRequest } from './exchange.ts';
import { formText, parseForm, parseQuery } from './form.ts';
import type { BodyKind, Route, RouteInput } from './route.ts';

const MEDIA_TYPES: Record<Exclude<BodyKind, 'raw'>, string> = {
  json: 'application/json',
  form: 'application/x-www-form-urlencoded',
};

/** The media types that a route takes. */
export const acceptedTypes = (route: Pick<Route, 'bodyKind' | 'contentTypes'>): readonly string[] => {
  if (route.bodyKind === undefined) return [];
  return route.bodyKind === 'raw'
    ? (route.contentTypes ?? ['application/octet-stream'])
    : [MEDIA_TYPES[route.bodyKind]];
};

const PARAMETER = /^\s*charset\s*=\s*"?utf-8"?\s*$/i;

const isAccepted = (contentType: string, accepted: readonly string[]): boolean => {
  if (accepted.includes(contentType)) return true;
  const [type = '', ...parameters] = contentType.split(';');
  return accepted.includes(type.trim().toLowerCase()) && parameters.every((parameter) => PARAMETER.test(parameter));
};

const checkMediaType = (request: HttpRequest, route: Route): void => {
  const accepted = acceptedTypes(route);
  if (!isAccepted(request.headers['content-type'] ?? '', accepted)) {
    throw new Refusal('unsupported_media_type', `the content type has to be ${accepted.join(' or ')}`);
  }
  if ((request.headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') {
    throw new Refusal('unsupported_media_type', 'a content encoding is not accepted');
  }
};

const MAX_PROBLEMS = 16;

/** `selectors[2].type`. */
const fieldName = (path: readonly PropertyKey[], whole: string): string =>
  path.reduce<string>(
    (name, part) =>
      typeof part === 'number' ? `${name}[${part}]` : name === '' ? String(part) : `${name}.${String(part)}`,
    '',
  ) || whole;

/** In words of ours what schemas that say nothing themselves would say in the library's. */
const isNothing = ({ input }: { readonly input?: unknown }): string | undefined => {
  if (input === undefined) return 'is missing';
  return input === '' ? 'is empty' : undefined;
};

/** Applies a schema, if there is one. Refuses with `invalid_request`, each wrong member by its name. */
const applySchema = (schema: z.ZodType | undefined, value: unknown, whole: string): unknown => {
  if (schema === undefined) return undefined;
  const result = schema.safeParse(value, { error: isNothing });
  if (result.success) return result.data;
  throw problemsRefusal(
    'invalid_request',
    result.error.issues
      .slice(0, MAX_PROBLEMS)
      .map(({ path, message }) => ({ field: fieldName(path, whole), problem: message })),
  );
};

const parseBody = (route: Route, kind: BodyKind, octets: Buffer): unknown => {
  if (kind === 'raw') return octets;
  const value =
    kind === 'form'
      ? parseForm(formText(octets), route.repeatable)
      : parseJson(octets, { maxBytes: route.maxBytes ?? DEFAULT_MAX_BODY_BYTES });
  return applySchema(route.body, value, 'body');
};

/** What an absent query is to the schema of a route; those that refuse it are asked each time. */
const absentQueries = new WeakMap<z.ZodType, unknown>();

const readQuery = (schema: z.ZodType | undefined, query: string): unknown => {
  if (schema === undefined) return undefined;
  if (query !== '') return applySchema(schema, parseQuery(query), 'query');
  if (!absentQueries.has(schema)) absentQueries.set(schema, applySchema(schema, {}, 'query'));
  return absentQueries.get(schema);
};

/**
 * Reads and checks everything that a request brings: media type, size, syntax, then the route's schemas. Refuses with
 * `unsupported_media_type`, `payload_too_large` or `invalid_request`.
 */
export const readInput = async (
  route: Route,
  request: HttpRequest,
  query: string,
  params: unknown,
): Promise<RouteInput> => {
  const input = {
    params: applySchema(route.params, params, 'path'),
    query: readQuery(route.query, query),
  };
  if (route.bodyKind === undefined) {
    if (route.ignoresBody !== true && hasBody(request))
      throw new Refusal('invalid_request', 'no body is expected here');
    return { ...input, body: undefined };
  }
  checkMediaType(request, route);
  const octets = await readBody(request, route.maxBytes ?? DEFAULT_MAX_BODY_BYTES);
  return { ...input, body: parseBody(route, route.bodyKind, octets) };
};
