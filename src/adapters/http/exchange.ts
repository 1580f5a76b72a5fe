import type { IncomingMessage, ServerResponse } from 'node:http';
import type { WholeAnswer } from './whole-answer.ts';
import type { WholeRequest } from './whole-request.ts';

/** A request, whoever parsed it: `node:http`, or we ourselves. */
export type HttpRequest = IncomingMessage | WholeRequest;

/** Where its answer goes. */
export type HttpAnswer = ServerResponse | WholeAnswer;
