import { z } from 'zod';
import { askSocket, expectAnswer } from '../shared/request.ts';

const Resource = z.object({
  identifier: z.string(),
  scopes: z.array(z.object({ name: z.string() })),
  bindings: z.array(z.string()),
  owners: z.array(z.string()),
  revision: z.int(),
});

const Entry = z.object({ id: z.string(), spiffeId: z.string(), revision: z.int() });

const JoinToken = z.object({ id: z.string(), token: z.string(), spiffeId: z.string(), expiresAt: z.int() });
export type JoinToken = z.output<typeof JoinToken>;

const Preview = z.object({
  credentials: z.object({ 'x509-svid': z.int(), 'jwt-svid': z.int(), 'access-token': z.int() }),
});

const Revoked = z.object({
  revocation: z.object({
    id: z.string(),
    predicates: z.array(z.string()),
    reason: z.string(),
    at: z.string(),
    index: z.int(),
  }),
  recorded: z.boolean(),
});

const Explanation = z.object({
  summary: z.string(),
  place: z.object({ epoch: z.int(), index: z.int(), size: z.int() }),
  revocations: z.array(z.object({ id: z.string() })).optional(),
});
export type Explanation = z.output<typeof Explanation>;

/** What an operator does, over the socket that only root and the server's own user may open. */
export class Admin {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  createResource(resource: object): Promise<z.output<typeof Resource>> {
    return this.#create('the resource', '/v1/admin/resources', resource, Resource);
  }

  createEntry(entry: object): Promise<z.output<typeof Entry>> {
    return this.#create('the entry', '/v1/admin/entries', entry, Entry);
  }

  createJoinToken(entry: string): Promise<JoinToken> {
    return this.#create('the join token', '/v1/admin/join-tokens', { entry }, JoinToken);
  }

  /** Looks first, as the command without `--yes` does, and then revokes. */
  async revokeIdentity(spiffeId: string, reason: string) {
    const target = { kind: 'identity', value: spiffeId };
    const path = '/v1/admin/revocations';
    const preview = await askSocket(this.#socket, `${path}/preview`, { json: { target } });
    const { credentials } = expectAnswer('the preview of the revocation', preview, 200, Preview);
    const { revocation } = await this.#create('the revocation', path, { target, reason, confirm: true }, Revoked);
    return { credentials, revocation };
  }

  async explain(id: string): Promise<Explanation> {
    const answer = await askSocket(this.#socket, `/v1/admin/explain/${encodeURIComponent(id)}`);
    return expectAnswer(`the explanation of ${id}`, answer, 200, Explanation);
  }

  async #create<T>(what: string, path: string, json: object, form: z.ZodType<T>): Promise<T> {
    return expectAnswer(what, await askSocket(this.#socket, path, { json }), 201, form);
  }
}
