import { instant } from '../../src/domain/instant.ts';
import { authoritiesToTaint, draftNextEpoch, nextEpoch } from '../../src/usecases/open-next-epoch.ts';
import { bootstrapAuthorities, rotateAuthorities } from '../../src/usecases/rotate-authorities.ts';
import { openTestAuthorities, type TestAuthorities, type TestAuthorityOptions } from '../support/authorities.ts';

const used: TestAuthorities[] = [];
afterEach(() => Promise.all(used.splice(0).map((each) => each.close())));

const founded = async (options: TestAuthorityOptions = {}): Promise<TestAuthorities> => {
  const world = await openTestAuthorities(options);
  used.push(world);
  await bootstrapAuthorities(world.keeper);
  return world;
};

const known = { reason: 'an agent knows more', epoch: 1 };

// DEC-10
test.each([
  ['the seconds of its opening', 1, 1, 1_795_000_000],
  ['above the epoch that is left', 1_900_000_000, 1, 1_900_000_001],
  ['above the newest that is known of', 1, 1_900_000_000, 1_900_000_001],
])('the number of an epoch is %s', (_what, left, newest, expected) => {
  const clock = { now: () => instant(1_795_000_000_999), monotonic: () => 0 };
  const head = { logId: 'log', epoch: left, size: 4, root: '' };
  expect(nextEpoch({ clock }, head, { ...known, epoch: newest })).toBe(expected);
});

test('every key that was in use is tainted, and no spare', async () => {
  const { keeper, views } = await founded();
  const tainted = authoritiesToTaint(keeper);
  expect(tainted.map(({ purpose, state }) => `${purpose} ${state}`)).toEqual([
    'access-token active',
    'jwt-svid active',
    'x509-issuing active',
    'x509-root active',
  ]);
  const { opened, more } = draftNextEpoch(keeper, views.log.head(), known, 'uid:0');
  const { epoch, size, root, logId } = views.log.head();
  expect(opened).toMatchObject({ logId, previous: { epoch, size, root }, reason: known.reason, by: 'uid:0' });
  expect(more.map(({ id }) => id)).toEqual(tainted.map(({ id }) => id));
});

test('a root from outside stays: nobody here makes another', async () => {
  const { keeper } = await founded();
  const elsewhere = { ...keeper, authorityPolicy: { ...keeper.authorityPolicy, root: 'offline' as const } };
  expect(authoritiesToTaint(elsewhere).map(({ purpose }) => purpose)).not.toContain('x509-root');
});

test('should the process die once the epoch is open, the rotation of any start brings the spares forward', async () => {
  const { keeper, views, open, ledger } = await founded();
  const spares = views.authorities.list().filter(({ state }) => state === 'prepared');
  await expect(ledger.append({ facts: [{ kind: 'server-stopped' }] })).resolves.toMatchObject({ epoch: 1 });
  await open.openEpoch(draftNextEpoch(keeper, views.log.head(), known, 'uid:0'));
  expect(authoritiesToTaint(keeper)).toEqual([]);
  await rotateAuthorities(keeper, 'start');
  for (const { id } of spares) expect(views.authorities.get(id)?.state).toBe('active');
  const purposes = (state: string) =>
    views.authorities.list().flatMap((each) => (each.state === state && !each.tainted ? [each.purpose] : []));
  expect(purposes('active')).toEqual(['access-token', 'jwt-svid', 'x509-issuing', 'x509-root']);
  expect(purposes('prepared')).toEqual(['access-token', 'jwt-svid', 'x509-root']);
  await expect(ledger.append({ facts: [{ kind: 'server-stopped' }] })).resolves.not.toMatchObject({ epoch: 1 });
});
