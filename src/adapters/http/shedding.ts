import { type Admission, type AdmissionKind, busyRefusal } from './admission.ts';
import { keepBody, readEarly } from './early-body.ts';
import type { HttpAnswer, HttpRequest } from './exchange.ts';
import type { Metrics } from './metrics.ts';
import { encodeAnswer, type EncodedAnswer, refusalAnswer } from './render.ts';
import type { Listener, Route } from './route.ts';
import { WholeRequest } from './whole-request.ts';

/** Renewals have one CSR, of 8 KiB at most, in base64. */
const MAX_RENEWAL_BYTES = 16 * 1024;

interface Sheddable {
  readonly kind: AdmissionKind;
  readonly isRenewal: Route['isRenewal'];
  readonly busy: EncodedAnswer;
  /** Counts one that was turned away. */
  readonly count: () => void;
}

type ByPath = ReadonlyMap<string, Sheddable>;

/** Routes without parameters, by method and path. Others are few, for administrators, and are turned away later. */
const sheddable = (routes: readonly Route[], listener: Listener, metrics: Metrics): ReadonlyMap<string, ByPath> => {
  const methods = new Map<string, Map<string, Sheddable>>();
  for (const route of routes) {
    if (!route.listeners.includes(listener) || route.path.includes(':') || route.admission === 'always') continue;
    const byPath = methods.get(route.method) ?? new Map<string, Sheddable>();
    const busy = encodeAnswer(refusalAnswer(route.errorStyle ?? 'problem', busyRefusal()));
    byPath.set(route.path, {
      kind: route.admission ?? 'ordinary',
      isRenewal: route.isRenewal,
      busy,
      count: metrics.shedding(listener, route.method, route.path, busy.status),
    });
    methods.set(route.method, byPath);
  }
  return methods;
};

const pathOf = (url: string): string => {
  const mark = url.indexOf('?');
  return mark === -1 ? url : url.slice(0, mark);
};

/** The announced length of the body, if it could be that of a renewal. */
const renewalLength = ({ headers }: HttpRequest): number | undefined => {
  const length = Number(headers['content-length'] ?? 0);
  return length > 0 && length <= MAX_RENEWAL_BYTES ? length : undefined;
};

/** Puts itself before an application. */
export type ShedFirst = <Request extends HttpRequest, Response extends HttpAnswer>(
  app: (request: Request, response: Response) => void,
) => (request: Request, response: Response) => void;

/**
 * Turns away what there is no room for before anything else is done with it: a refusal here costs a third of one further in,
 * and a server that is asked for three times of what it can do makes two for each answer. The peer may ask again on the same
 * connection. Where some requests of a route are renewals, the body is looked at before they are turned away with the rest.
 */
export const shedFirst = (
  routes: readonly Route[],
  listener: Listener,
  { admission, metrics }: { readonly admission: Admission; readonly metrics: Metrics },
): ShedFirst => {
  const methods = sheddable(routes, listener, metrics);

  const refuse = ({ busy, count }: Sheddable, request: HttpRequest, response: HttpAnswer): void => {
    count();
    // A body that nobody takes is drained as a stream, which costs more than to take it.
    if (request.complete && !(request instanceof WholeRequest)) request.read();
    response.writeHead(busy.status, busy.headers);
    response.end(busy.payload);
  };

  return (app) => (request, response) => {
    const found = methods.get(request.method ?? '')?.get(pathOf(request.url ?? ''));
    if (found === undefined || admission.hasRoom(found.kind)) {
      app(request, response);
      return;
    }
    const { isRenewal } = found;
    const length = isRenewal && admission.hasRoom('renewal') ? renewalLength(request) : undefined;
    // By then the parser has been through the packet, and nearly every body is whole.
    queueMicrotask(() => {
      if (isRenewal === undefined || length === undefined) {
        refuse(found, request, response);
        return;
      }
      readEarly(request, length, (octets) => {
        if (!isRenewal(octets)) {
          refuse(found, request, response);
          return;
        }
        keepBody(request, octets);
        app(request, response);
      });
    });
  };
};
