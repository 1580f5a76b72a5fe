import { IncomingMessage, ServerResponse } from 'node:http';
import express from 'express';
import type { Express } from 'express';

/*
 * Express changes the prototype of each request and response that it gets, which makes every later access to them slower. Servers
 * that make their messages of these classes spare it that: they have the prototype that it would set.
 */
export class ExpressRequest extends IncomingMessage {}
export class ExpressResponse extends ServerResponse<ExpressRequest> {}

Object.setPrototypeOf(ExpressRequest.prototype, express.request);
Object.setPrototypeOf(ExpressResponse.prototype, express.response);

/**
 * Lets `app` find what it would do done. Helpers of Express that ask a message for its application (`response.json`,
 * `request.ip`) do not work then; answers here are written without them.
 */
export const useOwnMessages = (app: Express): void => {
  app.request = ExpressRequest.prototype as typeof app.request;
  app.response = ExpressResponse.prototype as unknown as typeof app.response;
};
