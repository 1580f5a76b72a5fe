import type { AdminApi } from '../../../src/adapters/http-client/admin.ts';
import type { Server } from './node.ts';

const ENTRIES = '/v1/admin/entries';
const AUTHORITIES = '/v1/admin/authorities';
const OWN = 'bench-own';
/** Users whose workloads are not there. */
const OTHER_UIDS = 50_000;

interface Authority {
  readonly id: string;
  readonly purpose: string;
  readonly state: string;
}

/** What may change of the entry that the callers match. */
interface OwnChange {
  readonly hint?: string;
  readonly x509Ttl?: number;
}

/** Identities under the agent of a bench: one for the callers, the others for users that do not call. */
export class BenchEntries {
  readonly #server: Server;
  readonly #selector: string;

  constructor(server: Server, uid: number) {
    this.#server = server;
    this.#selector = `unix:uid:${uid}`;
  }

  get #admin(): AdminApi {
    return this.#server.admin;
  }

  async make(count: number): Promise<void> {
    await this.#create(OWN, 'own', this.#selector);
    for (let n = 1; n < count; n += 1) await this.#create(`bench-${n}`, `other-${n}`, `unix:uid:${OTHER_UIDS + n}`);
  }

  /** Whatever is not named is as if nobody had ever set it. */
  async changeOwn(change: OwnChange): Promise<void> {
    const body = { ...this.#body('own', this.#selector), ...change };
    await this.#admin.call({ method: 'PUT', path: `${ENTRIES}/${OWN}`, body });
  }

  /** One more identity for the callers; returns its SPIFFE ID. */
  async addAnother(n: number): Promise<string> {
    const { spiffeId } = await this.#create(`bench-more-${n}`, `more-${n}`, this.#selector);
    return spiffeId;
  }

  async removeAnother(n: number): Promise<string> {
    await this.#admin.call({ method: 'DELETE', path: `${ENTRIES}/bench-more-${n}` });
    return this.#idOf(`more-${n}`);
  }

  /** All its credentials; new ones may be had. */
  async revokeOwn(): Promise<void> {
    const target = { kind: 'identity', value: this.#idOf('own') };
    const body = { target, mode: 'reissue', confirm: true };
    await this.#admin.call({ method: 'POST', path: '/v1/admin/revocations', body });
  }

  /** Another issuing CA signs from now on, and what was signed by the one before is to be replaced at once. */
  async replaceAuthority(): Promise<void> {
    const old = await this.#issuingAuthority('active');
    await this.#order({ kind: 'prepare', purpose: 'x509-issuing' });
    await this.#order({ kind: 'activate', id: await this.#issuingAuthority('prepared') });
    await this.#order({ kind: 'taint', id: old });
  }

  async #issuingAuthority(wanted: string): Promise<string> {
    const { body } = await this.#admin.call({ method: 'GET', path: AUTHORITIES });
    const { authorities } = body as { readonly authorities: readonly Authority[] };
    const found = authorities.find(({ purpose, state }) => purpose === 'x509-issuing' && state === wanted);
    if (!found) throw new Error(`no issuing CA is ${wanted}`);
    return found.id;
  }

  async #order(operation: object): Promise<void> {
    await this.#admin.call({ method: 'POST', path: AUTHORITIES, body: { ...operation, confirm: true, force: true } });
  }

  #idOf(name: string): string {
    return `spiffe://${this.#server.trustDomain}/${name}`;
  }

  #body(name: string, selector: string) {
    return { spiffeId: this.#idOf(name), parentId: this.#server.agentId, selectors: [selector] };
  }

  async #create(id: string, name: string, selector: string) {
    const body = this.#body(name, selector);
    await this.#admin.call({ method: 'POST', path: ENTRIES, body: { id, ...body } });
    return body;
  }
}
