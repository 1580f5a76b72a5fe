import { z } from 'zod';
import type { Cursor } from '../../domain/cursor.ts';
import { Refusal, type RefusalCode } from '../../domain/refusal.ts';
import { formatCursor } from '../../formats/cursor.ts';
import type {
  AgentEvidence,
  AgentServer,
  Answered,
  IssuedIdentity,
  IssuedSvid,
  IssuedToken,
  JwtItem,
  SyncStream,
  X509Item,
} from '../../ports/agent-server.ts';
import { ChallengeAnswer, HelloAnswer, IdentityAnswer, itemsOf, JwtAnswer, X509Answer } from './agent-answers.ts';
import { Requests } from './agent-requests.ts';
import { TlsSyncStream } from './sync-stream.ts';
import { type Connecting, ServerAddresses } from './verified-connection.ts';

export interface AgentServerOptions extends Connecting {
  /** `https://host:port` of `api` listeners, tried in turn. */
  readonly urls: readonly URL[];
  /** Waited for before the server is asked for workloads: resolves at once unless the identity is just being replaced. */
  readonly settled?: () => Promise<void>;
}

const SYNC_PROTOCOL = 'mayfly-sync';

const base64 = (octets: Uint8Array): string => Buffer.from(octets).toString('base64');

const X509Items = itemsOf(X509Answer);
const JwtItems = itemsOf(JwtAnswer);

const bodyOf = ({ type, evidence, csr, challenge, nodeKey }: AgentEvidence): object => ({
  type,
  evidence,
  csr: base64(csr),
  // Evidence may be good for a workload too, which is then what it is usually for.
  role: 'agent',
  ...(challenge && { challenge: base64(challenge) }),
  ...(nodeKey && { nodeKey: { spki: base64(nodeKey.spki), signature: base64(nodeKey.signature) } }),
});

/** What is said of an item and not of the call. */
const ITEM_CODES: ReadonlySet<RefusalCode> = new Set([
  'no_identity',
  'revoked',
  'forbidden',
  'invalid_csr',
  'unsupported_key',
  'invalid_request',
]);

const wrong = (): Refusal =>
  new Refusal('unavailable', 'the server gave another number of answers than it was asked for');

interface RefusedAnswer {
  readonly error: { readonly code: string; readonly detail: string; readonly decision?: string };
}

const isRefused = (item: object): item is RefusedAnswer => Object.hasOwn(item, 'error');

const answered = <T extends object>(
  items: readonly (T | RefusedAnswer)[],
  expected: number,
): readonly Answered<T>[] => {
  if (items.length !== expected) throw wrong();
  return items.map((item) => (isRefused(item) ? { refused: item.error } : { value: item }));
};

/** The server over HTTPS. Every connection is verified anew, as `Connecting` has it, before anything is said on it. */
export class HttpAgentServer implements AgentServer {
  readonly #options: AgentServerOptions;
  readonly #addresses: ServerAddresses;
  readonly #anonymous: Requests;
  readonly #identified: Requests;

  constructor(options: AgentServerOptions) {
    this.#options = options;
    this.#addresses = new ServerAddresses(options.urls);
    const { identity: _shown, ...anonymous } = options;
    this.#anonymous = new Requests(this.#addresses, anonymous);
    this.#identified = new Requests(this.#addresses, options);
  }

  async attest(request: AgentEvidence): Promise<IssuedIdentity> {
    return this.#anonymous.post('/v1/attest', JSON.stringify(bodyOf(request)), IdentityAnswer);
  }

  async challenge(): Promise<Uint8Array> {
    return (await this.#anonymous.post('/v1/attest/challenge', undefined, ChallengeAnswer)).challenge;
  }

  async renew(csr: Uint8Array): Promise<IssuedSvid> {
    const body = JSON.stringify({ items: [{ csr: base64(csr) }] });
    const { items } = await this.#identified.post('/v1/svids/x509', body, z.object({ items: z.array(X509Answer) }));
    const [own] = items;
    if (own === undefined) throw wrong();
    return own;
  }

  async x509Svids(items: readonly X509Item[]): Promise<readonly Answered<IssuedSvid>[]> {
    const body = JSON.stringify({ items: items.map(({ entryId, csr }) => ({ entryId, csr: base64(csr) })) });
    return this.#items(items.length, async () => {
      await this.#options.settled?.();
      const answer = await this.#identified.post('/v1/svids/x509', body, X509Items);
      return answered<z.output<typeof X509Answer>>(answer.items, items.length);
    });
  }

  async jwtSvids(items: readonly JwtItem[]): Promise<readonly Answered<IssuedToken>[]> {
    const body = JSON.stringify({ items: items.map(({ entryId, audience }) => ({ entryId, audience })) });
    return this.#items(items.length, async () => {
      await this.#options.settled?.();
      const answer = await this.#identified.post('/v1/svids/jwt', body, JwtItems);
      return answered<z.output<typeof JwtAnswer>>(answer.items, items.length);
    });
  }

  async hello(remembered: string | undefined): Promise<{ readonly head: string; readonly resync: boolean }> {
    const body = remembered === undefined ? '{}' : `{"head":${remembered}}`;
    const { head, resync } = await this.#identified.post('/v1/hello', body, HelloAnswer);
    return { head: JSON.stringify(head), resync };
  }

  async sync(after: Cursor | undefined, signal: AbortSignal): Promise<SyncStream> {
    const path = after === undefined ? '/v1/sync' : `/v1/sync?after=${formatCursor(after)}`;
    const socket = await this.#identified.upgrade(path, SYNC_PROTOCOL, signal);
    const where = this.#addresses.host;
    const { delays } = this.#options;
    return new TlsSyncStream({ socket, where, delays, signal });
  }

  /** Ends idle connections; nothing may be asked for afterwards. */
  close(): void {
    this.#anonymous.close();
    this.#identified.close();
  }

  /** The server answers a single refused item as the refusal of the whole call. */
  async #items<T>(count: number, ask: () => Promise<readonly Answered<T>[]>): Promise<readonly Answered<T>[]> {
    if (count === 0) return [];
    try {
      return await ask();
    } catch (error) {
      if (count !== 1 || !(error instanceof Refusal) || !ITEM_CODES.has(error.code)) throw error;
      const { code, message: detail, decisionId } = error;
      return [{ refused: { code, detail, ...(decisionId !== undefined && { decision: decisionId }) } }];
    }
  }
}
