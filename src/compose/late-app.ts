import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

/** An application that is built after its listener has a port; requests that come before wait for it. */
export class LateApp {
  readonly #built = Promise.withResolvers<RequestListener>();
  #app: RequestListener | undefined;

  readonly listener = (request: IncomingMessage, response: ServerResponse & { req: IncomingMessage }): void => {
    if (this.#app) this.#app(request, response);
    else void this.#built.promise.then((app) => app(request, response));
  };

  ready(app: RequestListener): void {
    this.#app = app;
    this.#built.resolve(app);
  }
}
