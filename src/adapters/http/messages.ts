/** As an ES module it costs each thread 7 MiB (docs/performance.md). */
const { IncomingMessage, ServerResponse } = process.getBuiltinModule('node:http');

/*
 * Express changes the prototype of each request and response that it gets, which makes every later access to them slower. Servers
 * make their messages of these classes, which spares it that once `express-messages.ts` is there. A process without Express
 * need not load it.
 */
export class ExpressRequest extends IncomingMessage {}
export class ExpressResponse extends ServerResponse<ExpressRequest> {}
