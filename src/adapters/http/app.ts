import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import express from 'express';
import type { NextFunction, Request, Response } from 'express';
import { Refusal } from '../../domain/refusal.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Logger } from '../../ports/logger.ts';
import { type Admission, busyRefusal } from './admission.ts';
import { PeerGone } from './body.ts';
import type { DirectApp } from './direct-connection.ts';
import { earlyBody } from './early-body.ts';
import type { HttpAnswer, HttpRequest } from './exchange.ts';
import { readInput } from './input.ts';
import type { RateLimits } from './limits.ts';
import { useOwnMessages } from './express-messages.ts';
import type { Metrics, RequestCounter } from './metrics.ts';
import type { Peer } from './peer.ts';
import { internalAnswer, refusalAnswer, sendAnswer } from './render.ts';
import type { ErrorStyle } from './render.ts';
import { RequestContext } from './request-context.ts';
import type { CallerChecks } from './request-context.ts';
import type { Answer, CredentialWork, Listener, Route } from './route.ts';
import { shedFirst } from './shedding.ts';
import type { WorkLimit } from './work-limit.ts';

/** What all listeners of a front end share. */
export interface AppServices {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly logger: Logger;
  readonly limits: RateLimits;
  readonly admission: Admission;
  readonly work: WorkLimit;
  readonly metrics: Metrics;
  readonly callers: CallerChecks;
}

interface PathRoutes {
  readonly byMethod: ReadonlyMap<string, Route>;
  /** For `Allow`. */
  readonly allow: string;
  readonly errorStyle: ErrorStyle;
}

/** The routes of one listener by their path. Throws when two have the same method and path. */
const groupByPath = (routes: readonly Route[], listener: Listener): ReadonlyMap<string, PathRoutes> => {
  const paths = new Map<string, Map<string, Route>>();
  for (const route of routes.filter((each) => each.listeners.includes(listener))) {
    const byMethod = paths.get(route.path) ?? new Map<string, Route>();
    if (byMethod.has(route.method)) throw new Error(`${route.method} ${route.path} is in the route table twice`);
    byMethod.set(route.method, route);
    if (route.method === 'GET') byMethod.set('HEAD', route);
    paths.set(route.path, byMethod);
  }
  return new Map(
    [...paths].map(([path, byMethod]) => [
      path,
      {
        byMethod,
        allow: [...byMethod.keys()].sort().join(', '),
        errorStyle: byMethod.values().next().value?.errorStyle ?? 'problem',
      },
    ]),
  );
};

/** Fixed paths before patterns, so that `/x/:id` never takes what belongs to `/x/all`. */
const fixedFirst = (left: string, right: string): number => Number(left.includes(':')) - Number(right.includes(':'));

/** Messages of the runtime may repeat their input, so whatever could be a token or a key is masked. */
const LONG_WORD = /[\w+=.~-]{24,}/g;

const describeError = (error: unknown): Record<string, unknown> => {
  if (!Error.isError(error)) return { name: typeof error };
  const frames = error.stack?.split('\n').filter((line) => line.startsWith('    at '));
  return { name: error.name, message: error.message.replaceAll(LONG_WORD, '[masked]'), frames };
};

/** Answers the requests of one listener from the route table. */
class Dispatcher {
  readonly #listener: Listener;
  readonly #services: AppServices;
  readonly #peerOf: (socket: Socket) => Peer;
  readonly #counters = new Map<Route, RequestCounter>();
  readonly #countUnmatched: RequestCounter;

  constructor(listener: Listener, services: AppServices, peerOf: (socket: Socket) => Peer) {
    this.#listener = listener;
    this.#services = services;
    this.#peerOf = peerOf;
    this.#countUnmatched = services.metrics.requests(listener, 'other', 'unmatched');
  }

  async run(path: PathRoutes, request: HttpRequest, response: HttpAnswer, params: object): Promise<void> {
    const { clock } = this.#services;
    const start = clock.monotonic();
    const route = path.byMethod.get(request.method ?? '');
    if (route === undefined) {
      response.setHeader('allow', path.allow);
      this.#refuse(
        path.errorStyle,
        new Refusal('method_not_allowed', `allowed here: ${path.allow}`),
        request,
        response,
      );
    } else {
      await this.#serve(route, request, response, params);
    }
    this.#counterOf(route)(response.statusCode, clock.monotonic() - start);
  }

  /** There is no such path. */
  notFound(request: HttpRequest, response: HttpAnswer): void {
    this.#refuse('problem', new Refusal('not_found', 'no such path'), request, response);
    this.#countUnmatched(response.statusCode, 0);
  }

  /** Any failure, told as `style` has it. */
  fail(style: ErrorStyle, error: unknown, request: HttpRequest, response: HttpAnswer, operation: string): void {
    if (error instanceof Refusal) {
      this.#refuse(style, error, request, response);
    } else if (error instanceof PeerGone) {
      response.destroy();
    } else {
      this.#services.logger.error('a request failed', { operation, error: describeError(error) });
      sendAnswer(response, internalAnswer(style));
    }
  }

  #counterOf(route: Route | undefined): RequestCounter {
    if (route === undefined) return this.#countUnmatched;
    const known = this.#counters.get(route);
    if (known !== undefined) return known;
    const counter = this.#services.metrics.requests(this.#listener, route.method, route.path);
    this.#counters.set(route, counter);
    return counter;
  }

  async #serve(route: Route, request: HttpRequest, response: HttpAnswer, params: object): Promise<void> {
    const send = (answer: Answer): void => sendAnswer(response, answer, request.method === 'HEAD');
    try {
      await this.#answer(route, request, params, send);
    } catch (error) {
      const operation = `${route.method} ${route.path}`;
      this.fail(route.errorStyle ?? 'problem', error, request, response, operation);
    }
  }

  /**
   * Cheap refusals first: rate, room, caller, body, then the work (AS-08, DEC-54). The place is taken once the body is there, or
   * a few peers that send theirs an octet a second would take them all.
   */
  async #answer(route: Route, request: HttpRequest, params: object, send: (answer: Answer) => void): Promise<void> {
    const { limits, admission, callers, metrics } = this.#services;
    const kind = earlyBody(request) === undefined ? (route.admission ?? 'ordinary') : 'renewal';
    const peer = this.#peerOf(request.socket);
    if (route.sourceLimit) limits.source(route.sourceLimit, peer.source);
    if (!admission.hasRoom(kind)) throw busyRefusal();
    const [path, query] = splitTarget(request.url ?? '');
    const context = new RequestContext(this.#listener, route, request, path, peer, callers);
    await context.authorize(route.access);
    const input = await readInput(route, request, query, params);
    admission.enter(kind);
    metrics.inFlight(admission.inFlight);
    try {
      if (route.bodyKind !== undefined) await context.confirm(route.access);
      const handled = await route.handle(context, input);
      if ('make' in handled) await this.#make(handled, send);
      else send(handled);
    } finally {
      admission.leave(kind);
      metrics.inFlight(admission.inFlight);
    }
  }

  /** Work that ended without an answer would leave its peer waiting for ever: a mistake of ours, told as one. */
  async #make(handled: CredentialWork, send: (answer: Answer) => void): Promise<void> {
    let isSent = false;
    const sendIt = (answer: Answer): void => {
      isSent = true;
      send(answer);
    };
    await this.#services.work.run(handled.items, handled.urgency, () => handled.make(sendIt));
    if (!isSent) throw new Error('the work ended without an answer');
  }

  #refuse(style: ErrorStyle, refusal: Refusal, request: HttpRequest, response: HttpAnswer): void {
    this.#services.metrics.refused(this.#listener, refusal.code);
    sendAnswer(response, refusalAnswer(style, refusal, request.headers.authorization), request.method === 'HEAD');
  }
}

const splitTarget = (target: string): readonly [string, string] => {
  const mark = target.indexOf('?');
  return mark === -1 ? [target, ''] : [target.slice(0, mark), target.slice(mark + 1)];
};

/** What answers the requests of one listener. */
export interface App {
  /** Those that `node:http` parsed. */
  readonly listener: RequestListener;
  /** Those that we parsed: POST requests for paths without parameters. */
  readonly direct: DirectApp;
}

/**
 * Answers at once for a path without parameters, which nearly all requests are for, and through express for the others, since
 * its router costs as much as the rest of a small request. A known path with another method gets 405 and `Allow`, an unknown
 * one 404 (AS-05); every error is JSON, whatever `Accept` says (AS-06).
 */
export const buildApp = (
  routes: readonly Route[],
  listener: Listener,
  services: AppServices,
  peerOf: (socket: Socket) => Peer,
): App => {
  const app = express();
  useOwnMessages(app);
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);
  app.enable('strict routing');
  app.enable('case sensitive routing');
  const dispatcher = new Dispatcher(listener, services, peerOf);
  const paths = groupByPath(routes, listener);
  for (const path of [...paths.keys()].sort(fixedFirst)) {
    const pathRoutes = paths.get(path);
    if (pathRoutes)
      app.route(path).all((request, response) => dispatcher.run(pathRoutes, request, response, request.params));
  }
  app.use((request: Request, response: Response) => dispatcher.notFound(request, response));
  // Express knows an error handler by its four parameters.
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    const known = error instanceof URIError || (Error.isError(error) && 'status' in error && error.status === 400);
    const refusal = known ? new Refusal('invalid_request', 'the path is not well-formed') : error;
    dispatcher.fail('problem', refusal, request, response, 'routing');
  });
  const general: RequestListener = (request, response) => {
    const path = paths.get(request.url ?? '');
    if (path === undefined) app(request, response);
    else void dispatcher.run(path, request, response, {});
  };
  const answerDirectly: DirectApp['answer'] = (request, response) => {
    const path = paths.get(request.url);
    if (path === undefined) dispatcher.notFound(request, response);
    else void dispatcher.run(path, request, response, {});
  };
  const shed = shedFirst(routes, listener, services);
  return {
    listener: shed(general),
    direct: { has: (target) => paths.get(target)?.byMethod.has('POST') === true, answer: shed(answerDirectly) },
  };
};
