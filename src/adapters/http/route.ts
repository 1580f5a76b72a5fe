import type { IncomingHttpHeaders } from 'node:http';
import type { z } from 'zod';
import type { Administrator } from '../../domain/administrator.ts';
import type { AdminRole } from '../../domain/entry.ts';
import type { RefusalCode } from '../../domain/refusal.ts';
import type { AdmissionKind } from './admission.ts';
import type { TakeOver } from './upgrade.ts';
import type { Urgency } from './work-limit.ts';
import type { Caller, PresentedChain } from '../../usecases/authenticate-caller.ts';

/** Where a route is served. `metrics` is the loopback listener of operations. */
export type Listener = 'api' | 'public' | 'admin' | 'metrics';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** json: strict JSON. form: `application/x-www-form-urlencoded`. raw: the octets as they came. */
export type BodyKind = 'json' | 'form' | 'raw';

/**
 * Who may call. `svid`: anyone with one of our X509-SVIDs, checked before the body is read; what that caller may ask for
 * is the handler's question. `admin`: a role or one above it (DEC-28).
 */
export type Access =
  | { readonly kind: 'none' }
  | { readonly kind: 'svid' }
  | { readonly kind: 'admin'; readonly role: AdminRole };

/** An administrator, without what `administer` finds out of the request. Over the local socket: owner of everything. */
export type Admin = Omit<Administrator, 'local' | 'credential'>;

/** What a handler may know of a request beside its input. */
export interface RouteContext {
  readonly listener: Listener;
  /** The network address of the peer, or `uid:<n>` on the local socket. Never taken from a header. */
  readonly source: string;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Method and pattern of the route: names nobody, so that records may hold it in clear (TL-15). */
  readonly operation: string;
  readonly headers: IncomingHttpHeaders;
  /** What the TLS client presented, unchecked. Only on `api`. */
  readonly certificate?: PresentedChain;
  /** The request asks for `UPGRADE_PROTOCOL` where that is offered. */
  readonly upgrade?: true;
  /** Present on routes with admin access. */
  readonly admin?: Admin;
  /**
   * The holder of `certificate`, checked for this request (DEC-19); the second call gives the first answer. Rejects with
   * `Refusal('unauthenticated')`, which is on record by then.
   */
  caller(): Promise<Caller>;
}

/** What goes back to the peer. */
export interface Answer {
  /** 200 unless told, 204 without a body. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** An object is sent as JSON, text and octets as they are. */
  readonly body?: object | string | Uint8Array;
  /** `application/json` for objects, `text/plain; charset=utf-8` for text, else `application/octet-stream`. */
  readonly contentType?: string;
  /** In place of all else: the connection changes its protocol, and this takes it over. */
  readonly takeOver?: TakeOver;
}

/** Credentials that a handler found to be due, made when it is the request's turn (`WorkLimit`). */
export interface CredentialWork {
  /** How many. */
  readonly items: number;
  readonly urgency: Urgency;
  /**
   * Makes them and hands the answer to `send`, before it resolves. The answer is not what it resolves with: promises that waited
   * for their turn have become old to V8's collector, and all that they lead to stays until a full collection.
   */
  make(send: (answer: Answer) => void): Promise<void>;
}

/** What a handler gives back. */
export type Handled = Answer | CredentialWork;

/** One answer that a route gives when all is well, for the reader of the API document. */
export interface DocumentedAnswer {
  readonly status: number;
  readonly description: string;
  readonly schema?: z.ZodType;
  readonly contentType?: string;
}

export interface RouteInput<Body = unknown, Query = unknown, Params = unknown> {
  readonly body: Body;
  readonly query: Query;
  readonly params: Params;
}

/**
 * A route as a value: the server, the API document and the tests all read the same table. `handle` throws a `Refusal` for
 * an expected "no"; anything else that it throws becomes a bare 500.
 */
export interface Route {
  readonly method: Method;
  /** `/v1/admin/entries/:id`. */
  readonly path: string;
  readonly listeners: readonly Listener[];
  /** One line. */
  readonly summary: string;
  readonly description?: string;
  readonly access: Access;
  /** Absent: the route takes no body, and one that comes is refused. */
  readonly bodyKind?: BodyKind;
  /** Without `bodyKind`: a body that comes is left unread instead of refused, since the answer is always the same. */
  readonly ignoresBody?: true;
  /** json: of the value. form: of an object of text, see `repeatable`. raw: for the document only. */
  readonly body?: z.ZodType;
  /** Of an object of text; a parameter that is repeated arrives as an array. */
  readonly query?: z.ZodType;
  /** Of an object of text. */
  readonly params?: z.ZodType;
  /** Media types that a raw body may have; `application/octet-stream` unless told. */
  readonly contentTypes?: readonly string[];
  /** Form parameters that may come more than once: they always arrive as an array. Any other repetition is refused (CC-05). */
  readonly repeatable?: readonly string[];
  /** 64 KiB unless told. */
  readonly maxBytes?: number;
  readonly answers: readonly DocumentedAnswer[];
  /** Beside those that every route may give: see `openapi.ts`. */
  readonly refusals: readonly RefusalCode[];
  /** `oauth`: errors as RFC 6749 §5.2 has them. `problem` (RFC 9457) unless told. */
  readonly errorStyle?: 'problem' | 'oauth';
  /** The rate that one network address has here before it is authenticated (DEC-21). */
  readonly sourceLimit?: 'attest';
  /** What is turned away first when the server is behind; `ordinary` unless told. */
  readonly admission?: Exclude<AdmissionKind, 'renewal'>;
  /** Whether a body asks for a renewal, which has more room than the other requests of the route. Cheap, and never wrong. */
  readonly isRenewal?: (octets: Buffer) => boolean;
  handle(context: RouteContext, input: RouteInput): Handled | Promise<Handled>;
}

type Parsed<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;
type ParsedBody<Kind, Schema> = Kind extends 'raw' ? Uint8Array : Parsed<Schema>;

interface TypedRoute<
  Kind extends BodyKind | undefined,
  Body extends z.ZodType | undefined,
  Query extends z.ZodType | undefined,
  Params extends z.ZodType | undefined,
> extends Omit<Route, 'bodyKind' | 'body' | 'query' | 'params' | 'handle'> {
  readonly bodyKind?: Kind;
  readonly body?: Body;
  readonly query?: Query;
  readonly params?: Params;
  handle(
    context: RouteContext,
    input: RouteInput<ParsedBody<Kind, Body>, Parsed<Query>, Parsed<Params>>,
  ): Handled | Promise<Handled>;
}

/** Writes a route down; the handler's input has the types of the schemas. */
export const defineRoute = <
  const Kind extends BodyKind | undefined = undefined,
  Body extends z.ZodType | undefined = undefined,
  Query extends z.ZodType | undefined = undefined,
  Params extends z.ZodType | undefined = undefined,
>(
  route: TypedRoute<Kind, Body, Query, Params>,
): Route => route as Route;
