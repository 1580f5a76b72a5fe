import { AdminStandIn, runCli } from '../support/admin-stand-in.ts';
import type { Canned } from '../support/admin-stand-in.ts';

const ANSWERS: Readonly<Record<string, Canned>> = {
  'GET /v1/admin/entries/count': { body: { count: 7 } },
  'POST /v1/admin/entries': {
    status: 400,
    body: {
      code: 'invalid_entry',
      detail: 'x',
      problems: [
        { field: 'spiffeId', problem: 'is not in the trust domain example.org' },
        { field: 'selectors[0]', problem: 'has no type' },
      ],
    },
  },
  'GET /v1/admin/agents': {
    status: 503,
    headers: { 'retry-after': '2' },
    body: { code: 'busy', detail: 'too many wait' },
  },
  'GET /v1/admin/entries': {
    status: 503,
    headers: { 'retry-after': '30' },
    body: { code: 'read_only', detail: 'nothing can be recorded: it was restored' },
  },
  'GET /v1/admin/credentials': {
    status: 403,
    body: { code: 'forbidden', detail: 'this is not yours', decision: 'abc' },
  },
  'GET /v1/admin/resources': { status: 500, body: { code: 'internal', title: 'The server failed' } },
};

let server: AdminStandIn;
beforeEach(async () => {
  server = await new AdminStandIn(ANSWERS).listen();
});
afterEach(() => server.close());

const cli = (line: string) => runCli([...line.split(' '), '--socket', server.socket]);

describe('how commands end', () => {
  test.each([
    ['entry create --spiffe-id x --selector a:b', 2, 'spiffeId: is not in the trust domain example.org'],
    ['credential list', 1, 'this is not yours (forbidden)\n  on record: mayfly explain abc'],
    ['agent list', 3, 'too many wait (busy)\n  try again in 2 s'],
    ['resource list', 3, 'The server failed (internal)'],
    ['entry show nothing', 1, 'nothing here (not_found)'],
    ['join-token create', 2, 'either --agent or --entry ID'],
    ['revoke', 2, 'name one target'],
    ['revoke --identity a --prefix b', 2, 'name one target'],
    ['entry create --spiffe-id x', 2, 'an entry wants --spiffe-id'],
    ['entry frobnicate', 2, "mayfly: unknown command 'frobnicate'"],
    ['entry update web', 2, 'name at least one field'],
    ['entry create --x509-ttl 5', 2, 'write a duration'],
    ['entry apply -f /nowhere', 2, 'cannot read /nowhere (ENOENT)'],
    ['revoke --reason because --identity a', 2, 'Allowed choices'],
  ])('%s: exit %i', async (line, exit, told) => {
    const result = await cli(line);
    expect(result.exit).toBe(exit);
    expect(result.err).toContain(told);
    expect(result.out).toBe('');
  });

  test('no time to try again is named where only an operator helps', async () => {
    const { exit, err } = await cli('entry list');
    expect([exit, err]).toEqual([3, 'mayfly: nothing can be recorded: it was restored (read_only)\n']);
  });

  test('with --json an error is on stdout too, for programs', async () => {
    const { exit, out } = await cli('credential list --json');
    expect(exit).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'forbidden' } });
  });

  test('without a server: could not tell', async () => {
    const { exit, err } = await runCli(['entry', 'list', '--socket', '/nowhere/admin.sock']);
    expect(exit).toBe(3);
    expect(err).toBe(
      'mayfly: cannot talk to the server at /nowhere/admin.sock: there is no such socket; is the server running?\n',
    );
  });

  test('the socket comes from the environment', async () => {
    expect((await runCli(['entry', 'count'], { MAYFLY_ADMIN_SOCKET: server.socket })).out).toBe('7\n');
  });
});
