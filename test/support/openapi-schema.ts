/**
 * The rules of OpenAPI 3.1 that our document has to follow, as JSON Schema: the objects of chapter 4 that we use, closed, so
 * that a misspelt member is found.
 */

const reference = (name: string) => ({ $ref: `#/$defs/${name}` });
const text = { type: 'string', minLength: 1 };

export const OPENAPI_SCHEMA = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  required: ['openapi', 'info', 'paths', 'components'],
  additionalProperties: false,
  properties: {
    openapi: { type: 'string', pattern: '^3\\.1\\.\\d+$' },
    info: {
      type: 'object',
      required: ['title', 'version'],
      additionalProperties: false,
      properties: {
        title: text,
        summary: text,
        version: text,
        license: {
          type: 'object',
          required: ['name'],
          additionalProperties: false,
          properties: { name: text, identifier: text },
        },
      },
    },
    jsonSchemaDialect: text,
    paths: {
      type: 'object',
      additionalProperties: false,
      patternProperties: { '^/': reference('pathItem') },
    },
    components: {
      type: 'object',
      additionalProperties: false,
      properties: {
        schemas: { type: 'object', additionalProperties: reference('schema') },
        securitySchemes: {
          type: 'object',
          additionalProperties: {
            type: 'object',
            required: ['type'],
            additionalProperties: false,
            properties: {
              type: { enum: ['apiKey', 'http', 'mutualTLS', 'oauth2', 'openIdConnect'] },
              description: text,
            },
          },
        },
      },
    },
  },
  $defs: {
    pathItem: {
      type: 'object',
      minProperties: 1,
      additionalProperties: false,
      patternProperties: { '^(get|put|post|delete|patch)$': reference('operation') },
    },
    operation: {
      type: 'object',
      required: ['operationId', 'summary', 'security', 'responses'],
      additionalProperties: false,
      patternProperties: { '^x-': {} },
      properties: {
        operationId: { type: 'string', pattern: '^[A-Za-z][A-Za-z0-9]*$' },
        summary: text,
        description: text,
        security: {
          type: 'array',
          items: {
            type: 'object',
            additionalProperties: false,
            properties: { x509Svid: { type: 'array', maxItems: 0, items: {} } },
          },
        },
        parameters: { type: 'array', items: reference('parameter') },
        requestBody: {
          type: 'object',
          required: ['content'],
          additionalProperties: false,
          properties: { required: { type: 'boolean' }, content: reference('content') },
        },
        responses: {
          type: 'object',
          minProperties: 1,
          additionalProperties: false,
          patternProperties: { '^[1-5][0-9]{2}$': reference('response') },
        },
      },
    },
    parameter: {
      type: 'object',
      required: ['name', 'in', 'schema'],
      additionalProperties: false,
      properties: {
        name: text,
        in: { enum: ['path', 'query', 'header', 'cookie'] },
        required: { type: 'boolean' },
        schema: reference('schema'),
      },
      // A path parameter is always required (§4.8.12.2).
      anyOf: [
        { properties: { in: { enum: ['query', 'header', 'cookie'] } } },
        { required: ['required'], properties: { required: { const: true } } },
      ],
    },
    response: {
      type: 'object',
      required: ['description'],
      additionalProperties: false,
      properties: { description: text, content: reference('content') },
    },
    content: {
      type: 'object',
      minProperties: 1,
      additionalProperties: false,
      patternProperties: {
        '^[a-z]+/[a-z0-9.+-]+(;.*)?$': {
          type: 'object',
          additionalProperties: false,
          properties: { schema: reference('schema') },
        },
      },
    },
    schema: { type: 'object' },
  },
};
