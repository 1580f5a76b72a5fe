import express from 'express';
import type { Express } from 'express';
import { ExpressRequest, ExpressResponse } from './messages.ts';

// The prototypes that Express would otherwise set on each message.
Object.setPrototypeOf(ExpressRequest.prototype, express.request);
Object.setPrototypeOf(ExpressResponse.prototype, express.response);

/**
 * Makes `app` leave the prototypes of messages alone: it finds on each what it would set. Helpers of Express that ask a
 * message for its application (`response.json`, `request.ip`) do not work then; no answer here is written with them.
 */
export const useOwnMessages = (app: Express): void => {
  app.request = ExpressRequest.prototype as typeof app.request;
  app.response = ExpressResponse.prototype as unknown as typeof app.response;
};
