import { openApiDocument } from '../openapi.ts';
import type { ApiInfo } from '../openapi.ts';
import { defineRoute } from '../route.ts';
import type { Listener, Route } from '../route.ts';

const CONTENT_TYPE = 'application/json';

/** The route table with the document of itself added; each listener's document has the routes that it serves. */
export const withOpenApi = (routes: readonly Route[], info: ApiInfo): readonly Route[] => {
  // As octets: text would be encoded anew for each answer.
  const documents = new Map<Listener, Buffer>();
  const documentOf = (listener: Listener): Buffer => {
    const held = documents.get(listener);
    if (held !== undefined) return held;
    const made = Buffer.from(JSON.stringify(openApiDocument(all, listener, info)));
    documents.set(listener, made);
    return made;
  };
  const all: readonly Route[] = [
    ...routes,
    defineRoute({
      method: 'GET',
      path: '/openapi.json',
      listeners: ['api', 'public', 'admin'],
      summary: 'This API, as OpenAPI 3.1',
      access: { kind: 'none' },
      answers: [{ status: 200, description: 'An OpenAPI document.', contentType: CONTENT_TYPE }],
      refusals: [],
      handle: ({ listener }) => ({ body: documentOf(listener), contentType: CONTENT_TYPE }),
    }),
  ];
  return all;
};
