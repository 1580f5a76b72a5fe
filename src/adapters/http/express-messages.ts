import express from 'express';
import type { Express } from 'express';
import { ExpressRequest, ExpressResponse } from './messages.ts';

// The prototype that Express would set on each of them.
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
