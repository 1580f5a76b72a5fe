/** Not imported: as an ES module `node:http` costs each thread 7 MiB (docs/performance.md). */
const { IncomingMessage, ServerResponse } = process.getBuiltinModule('node:http');

/*
 * Express sets the prototype of each request and response that it gets, which makes every later access to them slower. Servers
 * make their messages of these classes instead; `express-messages.ts` gives them the prototypes that Express would set. They
 * stand here so that a process without Express need not load it.
 */
export class ExpressRequest extends IncomingMessage {}
export class ExpressResponse extends ServerResponse<ExpressRequest> {}
