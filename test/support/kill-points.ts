import type { App } from '../../src/adapters/http/app.ts';
import type { HttpAnswer, HttpRequest } from '../../src/adapters/http/exchange.ts';
import type { CredentialWork, Route } from '../../src/adapters/http/route.ts';
import type { ServerTesting } from '../../src/compose/testing.ts';
import type { KeyStore } from '../../src/ports/keys.ts';
import type { Signer } from '../../src/ports/signer.ts';

/** The points of an issuance at which a server is killed (DEC-3). */
export const KILL_POINTS = [
  'before-commit',
  'after-commit',
  'after-signature',
  'after-read-back',
  'before-last-byte',
] as const;
export type KillPoint = (typeof KILL_POINTS)[number];

const die = (): void => {
  process.kill(process.pid, 'SIGKILL');
};

/** Lets so many pass, and none after them. */
const deadly = (after: number): (() => boolean) => {
  let left = after;
  return () => {
    left -= 1;
    return left < 0;
  };
};

const killingSigner = (signer: Signer, isLast: () => boolean): Signer => ({
  keyId: signer.keyId,
  algorithm: signer.algorithm,
  publicKey: signer.publicKey,
  sign: async (bytes) => {
    const signature = await signer.sign(bytes);
    if (isLast()) die();
    return signature;
  },
});

const killingKeyStore =
  (isLast: () => boolean) =>
  (store: KeyStore): KeyStore => ({
    create: (purpose, algorithm) => store.create(purpose, algorithm),
    open: async (authority) => killingSigner(await store.open(authority), isLast),
  });

const ISSUES = /^\/(?:v1\/svids\/|v1\/attest$|oauth2\/token$)/;

/** A handler gives its answer when everything was read back and released, before the first byte of it is written. */
const killingRoute =
  (isLast: () => boolean) =>
  (route: Route): Route =>
    ISSUES.test(route.path)
      ? {
          ...route,
          handle: async (context, input) => {
            const handled = await route.handle(context, input);
            if (!('make' in handled)) {
              if (isLast()) die();
              return handled;
            }
            const make: CredentialWork['make'] = (send) =>
              handled.make((answer) => {
                if (isLast()) die();
                send(answer);
              });
            return { ...handled, make };
          },
        }
      : route;

/** Makes an answer go out but for its last octet, if it is the last. */
const cutAnswer = (request: HttpRequest, response: HttpAnswer, isLast: () => boolean): void => {
  const end = response.end.bind(response) as (payload?: string | Uint8Array) => void;
  const cut = (payload?: string | Uint8Array): void => {
    if (payload === undefined || response.statusCode !== 200 || request.method !== 'POST' || !isLast()) end(payload);
    else response.write(Buffer.from(payload).subarray(0, -1), () => setImmediate(die));
  };
  Object.assign(response, { end: cut });
};

const killingApp =
  (isLast: () => boolean) =>
  ({ listener, direct }: App): App => ({
    listener: (request, response) => {
      cutAnswer(request, response, isLast);
      listener(request, response);
    },
    direct: {
      has: (target) => direct.has(target),
      answer: (request, answer) => {
        cutAnswer(request, answer, isLast);
        direct.answer(request, answer);
      },
    },
  });

/** What ends a server at a point, after so many passes. */
export const killAt = (point: KillPoint, after: number): ServerTesting => {
  const isLast = deadly(after);
  switch (point) {
    case 'before-commit':
    case 'after-commit':
      return { ledger: { failpoint: { name: point, action: 'kill', after } } };
    case 'after-signature':
      return { wrap: { keyStore: killingKeyStore(isLast) } };
    case 'after-read-back':
      return { wrap: { route: killingRoute(isLast) } };
    case 'before-last-byte':
      return { wrap: { app: killingApp(isLast) } };
    default:
      return point satisfies never;
  }
};
