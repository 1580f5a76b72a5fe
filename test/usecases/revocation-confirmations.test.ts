import type { Views } from '../../src/ports/views.ts';
import type { PresenceReader } from '../../src/usecases/agent-presence.ts';
import { type Confirmations, RevocationConfirmations } from '../../src/usecases/revocation-confirmations.ts';
import { revoke } from '../../src/usecases/revoke.ts';
import { id, openAdministration, ROOT, type TestAdministration } from '../support/administration.ts';

const FIRST = id('/mayfly/agent/x509pop/node-1');
const SECOND = id('/mayfly/agent/x509pop/node-2');

let admin: TestAdministration;
beforeEach(async () => {
  admin = await openAdministration();
});
afterEach(() => admin.close());

/** No agent is connected. */
const nobody: PresenceReader = { connected: () => Promise.resolve([]), of: () => Promise.resolve([]) };

const confirmationsOver = (views: Views = admin.views): RevocationConfirmations => {
  const { clock, policy, follower } = admin;
  return new RevocationConfirmations({ clock, policy, follower, views }, nobody, () => Promise.resolve());
};

const reissued = async () =>
  (await revoke(admin, ROOT, { target: { kind: 'prefix', value: id('/apps') }, mode: 'reissue' })).revocation;

const agentsIn = ({ unconfirmed }: Confirmations): readonly string[] => unconfirmed.map(({ agent }) => agent);

test('who holds only what was issued since has nothing to confirm: it is not ended by it', async () => {
  await admin.issue({ spiffeId: id('/apps/a'), agent: FIRST });
  const revocation = await reissued();
  await admin.issue({ spiffeId: id('/apps/a'), agent: SECOND });
  expect(agentsIn(await confirmationsOver().of(ROOT, revocation.id))).toEqual([FIRST]);
});

test('a search that failed is made again for the next who asks', async () => {
  await admin.issue({ spiffeId: id('/apps/a'), agent: FIRST });
  const { id: revocation } = await reissued();
  const { credentials } = admin.views;
  let broken = true;
  const walk: typeof credentials.walk = (filter) => {
    if (broken) throw new Error('disk I/O error');
    return credentials.walk(filter);
  };
  const confirmations = confirmationsOver({ ...admin.views, credentials: { ...credentials, walk } });
  await expect(confirmations.of(ROOT, revocation)).rejects.toThrow('disk I/O error');
  broken = false;
  expect(agentsIn(await confirmations.of(ROOT, revocation))).toEqual([FIRST]);
});
