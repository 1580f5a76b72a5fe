import { AdminStandIn, runCli } from '../support/admin-stand-in.ts';
import type { Canned } from '../support/admin-stand-in.ts';

const entry = {
  id: 'web',
  spiffeId: 'spiffe://example.org/web',
  parentId: 'spiffe://example.org/mayfly/server',
  selectors: ['unix:uid:1000', 'unix:gid:1000'],
  dnsNames: [],
  federatesWith: [],
  downstream: false,
  grants: [{ resource: 'https://api.example.org', scopes: ['read', 'write'] }],
  jwtAudiences: [],
  revision: 3,
  createdAt: '2026-08-01T12:00:00.000Z',
  updatedAt: '2026-08-01T12:00:05.000Z',
};
const preview = {
  target: { kind: 'identity', value: 'spiffe://example.org/web' },
  credentials: { 'x509-svid': 1, 'jwt-svid': 2, 'access-token': 0 },
  latestNotAfter: 1_785_585_600,
  identities: { count: 1, first: ['spiffe://example.org/web'] },
  entries: 1,
  agents: 0,
  truncated: false,
  inForce: [],
};
const revocation = {
  id: '0198'.padEnd(32, '0'),
  target: preview.target,
  predicates: ['cutoff', 'block'],
  reason: 'key_compromise',
  at: '2026-08-01T12:00:00.000Z',
  index: 41,
};
const plan = {
  digest: 'd'.repeat(64),
  counts: { create: 1, update: 1, delete: 0, unchanged: 0 },
  items: [
    { kind: 'entry', action: 'create', name: 'spiffe://example.org/a', changes: [] },
    {
      kind: 'entry',
      action: 'update',
      id: 'web',
      name: 'spiffe://example.org/web',
      changes: [{ field: 'x509Ttl', after: 600 }],
    },
  ],
};

const ANSWERS: Readonly<Record<string, Canned>> = {
  'POST /v1/admin/authorities/preview': {
    body: {
      operation: { kind: 'activate', id: 'k1' },
      changes: [{ kind: 'authority-activated', id: 'k1' }],
      impact: { liveCredentials: 0, agentsNotMoved: [] },
      warnings: [],
    },
  },
  'POST /v1/admin/join-tokens': {
    status: 201,
    body: {
      id: 'i',
      token: 'tok-en',
      spiffeId: 'spiffe://example.org/mayfly/agent/join_token/n1',
      expiresAt: 1_785_585_600,
    },
  },
  'GET /v1/admin/entries': { body: { entries: [entry] } },
  'GET /v1/admin/entries/count': { body: { count: 7 } },
  'GET /v1/admin/entries/web': { body: entry, headers: { etag: '"3"' } },
  'PUT /v1/admin/entries/web': { body: { ...entry, revision: 4 } },
  'DELETE /v1/admin/entries/web': { status: 204 },
  'POST /v1/admin/plan': { body: plan },
  'POST /v1/admin/apply': { body: plan },
  'GET /v1/admin/revocations': { body: { revocations: [revocation] } },
  'POST /v1/admin/revocations/preview': { body: preview },
  'POST /v1/admin/revocations': { status: 201, body: { revocation, recorded: true } },
  'POST /v1/admin/revocations/r1/release': { body: { recorded: true } },
  'POST /v1/admin/validate': {
    body: { status: 'revoked', kind: 'jwt-svid', reason: 'key_compromise', since: 1_785_585_600 },
  },
  'GET /v1/admin/authorities': {
    body: {
      authorities: [
        {
          id: 'k1',
          purpose: 'x509-issuing',
          algorithm: 'ES256',
          generation: 1,
          state: 'active',
          tainted: false,
          notAfter: 1_785_585_600,
        },
      ],
      warnings: ['the issuing CA ends soon'],
    },
  },
};

let server: AdminStandIn;
beforeEach(async () => {
  server = await new AdminStandIn(ANSWERS).listen();
});
afterEach(() => server.close());

const cli = (line: string, input = '') => runCli([...line.split(' '), '--socket', server.socket], {}, input);

describe('what commands show', () => {
  test('a join token, since that is what was asked for', async () => {
    const { exit, out, err } = await cli('join-token create --agent n1 --ttl 5m');
    expect({ exit, err }).toEqual({ exit: 0, err: '' });
    expect(out).toBe(
      [
        'token    tok-en',
        'for      spiffe://example.org/mayfly/agent/join_token/n1',
        'expires  2026-08-01 12:00:00Z',
        'id       i',
        '',
      ].join('\n'),
    );
    expect(server.seen[0]?.body).toEqual({ agent: 'n1', ttl: 300 });
  });

  test('a table of entries, and the same as JSON', async () => {
    expect((await cli('entry list --owner me')).out).toBe(
      [
        'ID   SPIFFE ID                 PARENT                              SELECTORS                    OWNER',
        'web  spiffe://example.org/web  spiffe://example.org/mayfly/server  unix:uid:1000 unix:gid:1000',
        '',
      ].join('\n'),
    );
    expect(server.seen[0]?.url).toBe('/v1/admin/entries?owner=me&limit=500');
    expect(JSON.parse((await cli('entry list --json')).out)).toEqual([entry]);
  });

  test('one entry, a line for each value', async () => {
    expect((await cli('entry show web')).out).toBe(
      [
        'id         web',
        'spiffe id  spiffe://example.org/web',
        'parent     spiffe://example.org/mayfly/server',
        'selectors  unix:uid:1000',
        '           unix:gid:1000',
        'grants     https://api.example.org: read write',
        'revision   3',
        'changed    2026-08-01 12:00:05Z',
        '',
      ].join('\n'),
    );
  });

  test('authorities, and beside the table what has to be done in time', async () => {
    const { exit, out, err } = await cli('authority list');
    expect([exit, err]).toEqual([0, 'mayfly: the issuing CA ends soon\n']);
    expect(out).toBe(
      [
        'ID  PURPOSE       STATE   GENERATION  ALGORITHM  UNTIL',
        'k1  x509-issuing  active  1           ES256      2026-08-01 12:00:00Z',
        '',
      ].join('\n'),
    );
    expect(JSON.parse((await cli('authority list --json')).out)).toMatchObject([{ id: 'k1' }]);
  });

  test('what a change of a key would do, also of one whose id begins with a dash', async () => {
    const id = '-BGuxUl_7OZuOSed7viVHgd1yfj21I6wxBU_eJ1XU1E';
    const { exit, err } = await cli(`authority activate ${id} --force`);
    // Without --yes nothing is done.
    expect([exit, err]).toEqual([1, expect.not.stringContaining('unknown option')]);
    expect(server.seen[0]?.body).toEqual({ kind: 'activate', id });
  });

  test('what a validation found, with exit 1 for revoked', async () => {
    const { exit, out } = await cli('validate jwt', 'e.y.J\n');
    expect(exit).toBe(1);
    expect(out).toContain('status  revoked\nreason  key_compromise\nsince   2026-08-01 12:00:00Z\n');
    expect(server.seen[0]?.body).toEqual({ credential: 'e.y.J' });
  });
});

describe('what commands ask', () => {
  test('an update keeps what was not named, and names the revision it saw', async () => {
    expect((await cli('entry update web --x509-ttl 10m')).exit).toBe(0);
    const put = server.seen[1];
    expect(put?.headers['if-match']).toBe('"3"');
    expect(put?.body).toMatchObject({ x509Ttl: 600, selectors: entry.selectors, grants: entry.grants });
    expect(put?.body).not.toHaveProperty('revision');
  });

  test.each([
    ['entry delete web', 'DELETE'],
    ['revoke --identity spiffe://example.org/web --reason key_compromise', '/v1/admin/revocations'],
    ['agent ban spiffe://example.org/mayfly/agent/join_token/n1', '/v1/admin/revocations'],
    ['revoke release r1', '/v1/admin/revocations/r1/release'],
    ['entry apply -f -', '/v1/admin/apply'],
  ])('%s happens only with --yes', async (line, deed) => {
    const isDone = () => server.seen.some(({ method, url }) => method === deed || url === deed);
    const input = 'entries: []\n';
    const shown = await cli(line, input);
    expect(shown.exit).toBe(1);
    expect(shown.err).toBe('mayfly: nothing was done; --yes does it\n');
    expect(isDone()).toBe(false);
    expect((await cli(`${line} --yes`, input)).exit).toBe(0);
    expect(isDone()).toBe(true);
  });

  test('a revocation says what it would hit', async () => {
    expect((await cli('revoke --identity spiffe://example.org/web')).out).toBe(
      [
        'target       identity spiffe://example.org/web',
        'would end    1 x509-svid, 2 jwt-svids, 0 access-tokens',
        'held by      spiffe://example.org/web',
        'entries      1',
        'agents       0',
        'last expiry  2026-08-01 12:00:00Z',
        '',
      ].join('\n'),
    );
  });

  test('what is revoked now, by the id that releases it', async () => {
    expect((await cli('revoke list')).out).toBe(
      [
        'ID                                TARGET                             EFFECT         REASON          SINCE',
        `${revocation.id}  identity spiffe://example.org/web  cutoff, block  key_compromise  2026-08-01 12:00:00Z`,
        '',
      ].join('\n'),
    );
  });

  test('a plan shows what changes, and the plan that was shown is the one applied', async () => {
    const { out } = await cli('entry apply -f - --owner me --prune --yes', 'entries: []\n');
    expect(out).toBe(
      [
        '+ create entry spiffe://example.org/a',
        '~ update entry spiffe://example.org/web (web)',
        '    x509Ttl: nothing → 600',
        '1 create, 1 update, 0 delete, 0 unchanged',
        '',
      ].join('\n'),
    );
    expect(server.seen[1]?.body).toEqual({ entries: [], owner: 'me', prune: true, digest: plan.digest });
  });

  test("SPIRE's entries are taken over in our words", async () => {
    const spire = {
      entries: [
        {
          selectors: [{ type: 'unix', value: 'uid:1111' }],
          spiffe_id: 'spiffe://example.org/Blog',
          parent_id: 'spiffe://example.org/spire/server',
          x509_svid_ttl: 200,
          federates_with: ['spiffe://other.example'],
          admin: true,
        },
      ],
    };
    const { err } = await cli('entry apply -f -', JSON.stringify(spire));
    expect(err).toContain('entries[0].admin');
    expect(server.seen[0]?.body).toMatchObject({
      entries: [{ spiffeId: 'spiffe://example.org/Blog', selectors: ['unix:uid:1111'], x509Ttl: 200 }],
    });
  });
});
