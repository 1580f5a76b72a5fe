import type { RequestListener } from 'node:http';
import type { App } from '../adapters/http/app.ts';
import type { DirectApp } from '../adapters/http/direct-connection.ts';

/** An application that is built after its listener has a port; requests that come before wait for it. */
export class LateApp implements App {
  readonly #built = Promise.withResolvers<App>();
  #app: App | undefined;

  readonly listener: RequestListener = (request, response) => {
    if (this.#app) this.#app.listener(request, response);
    else void this.#built.promise.then((app) => app.listener(request, response));
  };

  readonly direct: DirectApp = {
    has: (target) => this.#app?.direct.has(target) === true,
    answer: (request, answer) => this.#app?.direct.answer(request, answer),
  };

  ready(app: App): void {
    this.#app = app;
    this.#built.resolve(app);
  }
}
