import type { RecordId } from '../../src/domain/record-id.ts';
import type { CredentialReader, CredentialRow } from '../../src/ports/views.ts';
import { previewRevocation } from '../../src/usecases/preview-revocation.ts';
import { RevocationConfirmations } from '../../src/usecases/revocation-confirmations.ts';
import { revoke } from '../../src/usecases/revoke.ts';
import { id, openAdministration, ROOT, type TestAdministration } from '../support/administration.ts';

const PER_PAGE = 100;
const BOUND = 20_000;
const AGENT = id('/mayfly/agent/x509pop/node-1');

const SELF = id('/mayfly/agent/x509pop/node-2');

let admin: TestAdministration;
beforeAll(async () => {
  admin = await openAdministration();
});
afterAll(() => admin.close());

/** A store with so many pages of live credentials, more than are counted unless told; says how many were read. */
const full = (row: CredentialRow, pagesThere = 300) => {
  let pages = 0;
  const walk: CredentialReader['walk'] = function* () {
    for (let at = 0; at < pagesThere; at += 1) {
      pages += 1;
      yield Array.from({ length: PER_PAGE }, (_, one) => ({ ...row, id: `${at}-${one}` as RecordId }));
    }
  };
  const { clock, policy, follower, views } = admin;
  const credentials = { ...views.credentials, walk };
  return { reader: { clock, policy, follower, views: { ...views, credentials } }, pages: () => pages };
};

const aRow = async (): Promise<CredentialRow> => {
  const issued = await admin.issue({ spiffeId: id('/apps/a'), agent: AGENT });
  const row = admin.views.credentials.get(issued.id);
  if (!row) throw new Error('it is not on record');
  return row;
};

const target = { kind: 'prefix', value: id('/apps') } as const;

test('a preview reads up to its bound, says that there are more, and others come in between', async () => {
  const { reader, pages } = full(await aRow());
  let turns = 0;
  const preview = await previewRevocation(reader, ROOT, target, async () => {
    turns += 1;
  });
  expect(preview).toMatchObject({ credentials: { 'x509-svid': BOUND }, identities: { count: 1 }, truncated: true });
  // The page after the bound says that there are more.
  expect([pages(), turns]).toEqual([BOUND / PER_PAGE + 1, BOUND / PER_PAGE]);
});

test('as many as are counted at most are all, and are not called a part', async () => {
  const { reader } = full(await aRow(), BOUND / PER_PAGE);
  const preview = await previewRevocation(reader, ROOT, target, () => Promise.resolve());
  expect(preview).toMatchObject({ credentials: { 'x509-svid': BOUND }, truncated: false });
});

test('what an agent holds itself and got through itself is counted once', async () => {
  await admin.attest({ spiffeId: SELF });
  const { notAfter } = await admin.issue({ spiffeId: SELF, agent: SELF, role: 'agent' });
  const own = { kind: 'agent', value: SELF } as const;
  const preview = await previewRevocation(admin, ROOT, own, () => Promise.resolve());
  expect(preview).toMatchObject({ credentials: { 'x509-svid': 1 }, latestNotAfter: notAfter, truncated: false });
});

test('who has to confirm is looked for once, however many ask meanwhile, and others come in between', async () => {
  const { reader, pages } = full(await aRow());
  const { revocation } = await revoke(admin, ROOT, { target, mode: 'revoke' });
  const presence = { connected: () => Promise.resolve([]), of: () => Promise.resolve([]) };
  let turns = 0;
  const confirmations = new RevocationConfirmations(reader, presence, async () => {
    turns += 1;
  });
  const asked = await Promise.all([1, 2, 3].map(() => confirmations.of(ROOT, revocation.id)));
  const one = {
    agents: 1,
    confirmed: 0,
    unconfirmed: [{ agent: AGENT, connected: false, until: expect.any(Number) as number }],
  };
  expect(asked).toEqual([one, one, one]);
  expect([pages(), turns]).toEqual([BOUND / PER_PAGE + 1, BOUND / PER_PAGE]);
});
