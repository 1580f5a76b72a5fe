import { IncomingMessage, ServerResponse } from 'node:http';

/*
 * Express changes the prototype of each request and response that it gets, which makes every later access to them slower. Servers
 * make their messages of these classes, which spares it that once `express-messages.ts` is there. A process without Express
 * need not load it.
 */
export class ExpressRequest extends IncomingMessage {}
export class ExpressResponse extends ServerResponse<ExpressRequest> {}
