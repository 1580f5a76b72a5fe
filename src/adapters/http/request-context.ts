import type { IncomingHttpHeaders } from 'node:http';
import { roleCovers } from '../../domain/administrator.ts';
import { Refusal } from '../../domain/refusal.ts';
import type { Caller, PresentedChain } from '../../usecases/authenticate-caller.ts';
import type { HttpRequest } from './exchange.ts';
import type { Peer } from './peer.ts';
import { isUpgradeOffered } from './upgrade.ts';
import type { Admin, Listener, Route, RouteContext } from './route.ts';

/** What the record of a refused caller says about the request. */
export interface CallerRequest {
  readonly operation: string;
  admin?: Admin;
  readonly source: string;
}

/** Checks callers. Each refusal is on record when it is thrown. */
export interface CallerChecks {
  /** `Refusal('unauthenticated')` without a good X509-SVID. */
  caller(presented: PresentedChain | undefined, request: CallerRequest): Promise<Caller>;
  /** `Refusal('forbidden')` unless the caller's entry makes it an admin; the role is checked by the route. */
  admin(caller: Caller, request: CallerRequest): Promise<Admin>;
  /** Puts the refusal of an admin whose role does not suffice on record. */
  refuse(refusal: Refusal, request: CallerRequest): Promise<Refusal>;
}

/** One request, as its handler sees it. */
export class RequestContext implements RouteContext {
  readonly listener: Listener;
  readonly source: string;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly certificate?: PresentedChain;
  readonly operation: string;
  readonly upgrade?: true;
  admin?: Admin;
  readonly #checks: CallerChecks;
  readonly #isLocal: boolean;
  #caller: Promise<Caller> | undefined;

  constructor(listener: Listener, route: Route, request: HttpRequest, path: string, peer: Peer, checks: CallerChecks) {
    this.listener = listener;
    this.source = peer.source;
    this.method = route.method;
    this.path = path;
    this.headers = request.headers;
    if (peer.certificate) this.certificate = peer.certificate;
    if (isUpgradeOffered(request)) this.upgrade = true;
    this.operation = `${route.method} ${route.path}`;
    if (peer.admin) this.admin = peer.admin;
    this.#isLocal = peer.admin !== undefined;
    this.#checks = checks;
  }

  caller(): Promise<Caller> {
    this.#caller ??= this.#checks.caller(this.certificate, this);
    return this.#caller;
  }

  /** Lets in whom the route lets in. */
  async authorize(access: Route['access']): Promise<void> {
    if (access.kind === 'none') return;
    if (access.kind === 'svid') {
      await this.caller();
      return;
    }
    this.admin ??= await this.#checks.admin(await this.caller(), this);
    if (roleCovers(this.admin.role, access.role)) return;
    const refusal = new Refusal('forbidden', `this needs the admin role ${access.role}`, {
      reason: `${this.admin.name} has the role ${this.admin.role}`,
    });
    throw await this.#checks.refuse(refusal, this);
  }

  /**
   * Asks again once the body is there: it may have come slowly, and administrators may have been revoked or demoted meanwhile
   * (P2). Who asks for credentials is asked about once more where they are recorded (DEC-4).
   */
  async confirm(access: Route['access']): Promise<void> {
    if (access.kind !== 'admin' || this.#isLocal) return;
    delete this.admin;
    this.#caller = undefined;
    await this.authorize(access);
  }
}
