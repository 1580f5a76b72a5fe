import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { Answered } from './http.ts';
import type { ClientRequest } from './journey-client.ts';
import { type Choices, memberFor, schemaValues, spoiled } from './schema-values.ts';

/** Requests made from an API document, and what an answer must be to fit it. */

interface Media {
  readonly schema?: object;
}

interface Operation {
  readonly parameters?: readonly { name: string; in: 'path' | 'query'; required?: boolean; schema: object }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, Media>> }>>;
}

export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

export interface MadeRequest extends ClientRequest {
  readonly method: string;
  readonly path: string;
  /** Whether the document allows it. */
  readonly isAllowed: boolean;
}

const FORM = 'application/x-www-form-urlencoded';
const textOf = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));

const formOf = (value: unknown): string => {
  const form = new URLSearchParams();
  const members = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  for (const [name, held] of members) for (const each of [held].flat()) form.append(name, textOf(each));
  return form.toString();
};

/** What stands on record, by the part of a path before the parameter that names it: `/v1/admin/entries/`. */
export type Known = Readonly<Record<string, string>>;

interface Parameter {
  readonly name: string;
  readonly schema: object;
  /** As it is sent. */
  readonly value: string;
}

const MAX_PARAMETER = 500;

/** What an answer says to a request besides being an answer; see `problems`. */
export class DocumentedApi {
  readonly operations: readonly { readonly method: string; readonly path: string }[];
  readonly #document: ApiDocument;
  readonly #ajv = new Ajv2020({ strict: false, logger: false, validateFormats: false });
  readonly #known: Known;

  constructor(document: ApiDocument, known: Known = {}) {
    this.#document = document;
    this.#known = known;
    this.#ajv.addSchema(document, 'api');
    this.operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ method, path })),
    );
  }

  /** A request for an operation, in every third case one that its schemas refuse, if they can. */
  request({ method, path }: { readonly method: string; readonly path: string }, choices: Choices): MadeRequest {
    const { parameters = [], requestBody } = this.#operation(method, path);
    const isSpoiling = choices.below(3) === 0;
    const isSpoilingParameters = isSpoiling && (requestBody === undefined || choices.below(3) === 0);
    const made = parameters.map((parameter) => {
      const value =
        this.#knownFor(path, parameter, choices) ?? textOf(memberFor(parameter.name, parameter.schema, choices));
      const sent = isSpoilingParameters && choices.below(2) === 0 ? textOf(spoiled(value, choices)) : value;
      return { ...parameter, value: sent.slice(0, MAX_PARAMETER) };
    });
    const inPath = made.filter((each) => each.in === 'path');
    const inQuery = made.filter((each) => each.in === 'query' && (each.required === true || choices.below(2) === 0));
    const query = new URLSearchParams(inQuery.map(({ name, value }): [string, string] => [name, value])).toString();
    const filled = inPath.reduce(
      (whole, { name, value }) => whole.replace(`{${name}}`, encodeURIComponent(value) || '%20'),
      path,
    );
    const body = requestBody && this.#body(requestBody.content, isSpoiling, choices);
    return {
      method: method.toUpperCase(),
      path: query === '' ? filled : `${filled}?${query}`,
      ...(body?.text !== undefined && { body: body.text, headers: { 'content-type': body.type } }),
      isAllowed: (body?.isAllowed ?? true) && [...inPath, ...inQuery].every((each) => this.#isAllowed(each)),
    };
  }

  #knownFor(path: string, parameter: { name: string; in: string }, choices: Choices): string | undefined {
    if (parameter.in !== 'path' || choices.below(4) === 0) return undefined;
    return this.#known[path.slice(0, path.indexOf('{'))];
  }

  /** What is empty counts as absent. */
  #isAllowed({ schema, value }: Parameter): boolean {
    const { type } = schema as { readonly type?: string };
    const isNumber = type === 'integer' || type === 'number';
    return value === '' || this.#validator(schema)(isNumber ? Number(value) : value);
  }

  /** Why `answer` is not what the document lets one expect of `request`; empty when it is. */
  problems(
    { method, path }: { method: string; path: string },
    request: MadeRequest,
    answer: Answered,
  ): readonly string[] {
    const { responses } = this.#operation(method, path);
    const { status, headers, text } = answer;
    const documented = responses[String(status)];
    if (status >= 500) return [`${status}: ${text.slice(0, 200)}`];
    if (documented === undefined) return [`the status ${status} is not documented: ${text.slice(0, 200)}`];
    if (!request.isAllowed && status < 400) return [`${status} for what the document does not allow`];
    const type = String(headers['content-type'] ?? '').split(';')[0] ?? '';
    if (documented.content === undefined) return text === '' ? [] : ['a body where none is documented'];
    const media = Object.keys(documented.content).find((each) => each.split(';')[0] === type);
    if (media === undefined) return [`the content type ${type} is not documented for ${status}`];
    if (!type.endsWith('json')) return [];
    const place = `api#/paths/${pointer(path)}/${method}/responses/${status}/content/${pointer(media)}/schema`;
    const schema = documented.content[media]?.schema;
    return schema === undefined ? unreadable(answer) : this.#mismatch(place, answer);
  }

  #operation(method: string, path: string): Operation {
    const operation = this.#document.paths[path]?.[method];
    if (operation === undefined) throw new RangeError(`no ${method} ${path} in the document`);
    return operation;
  }

  #body(content: Readonly<Record<string, Media>>, isSpoiling: boolean, choices: Choices) {
    const [type = '', { schema = {} } = {}] = Object.entries(content)[0] ?? [];
    const good = schemaValues(schema, choices);
    const value = isSpoiling ? spoiled(good, choices) : good;
    // Every value of a form is text, and what is empty counts as absent: what was allowed as JSON says little of it.
    const isAllowed = type === FORM || this.#validator(schema)(value);
    return { type, text: type === FORM ? formOf(value) : JSON.stringify(value), isAllowed };
  }

  readonly #validators = new Map<object, ValidateFunction>();

  #validator(schema: object): ValidateFunction {
    const validate = this.#validators.get(schema) ?? this.#ajv.compile(schema);
    this.#validators.set(schema, validate);
    return validate;
  }

  #mismatch(place: string, answer: Answered): readonly string[] {
    const validate = this.#ajv.getSchema(place);
    if (validate === undefined) return [`there is no schema at ${place}`];
    const [problem] = unreadable(answer);
    if (problem !== undefined) return [problem];
    return validate(answer.json()) === true
      ? []
      : [`the body does not fit its schema: ${this.#ajv.errorsText(validate.errors)}`];
  }
}

const unreadable = (answer: Answered): readonly string[] => {
  try {
    answer.json();
    return [];
  } catch {
    return ['the body is not JSON'];
  }
};

/** One part of a JSON pointer inside a URI fragment. */
const pointer = (part: string): string => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));
