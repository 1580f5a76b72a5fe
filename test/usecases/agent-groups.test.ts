import type { Entry } from '../../src/domain/entry.ts';
import type { Ledger } from '../../src/ports/ledger.ts';
import type { Caller } from '../../src/usecases/authenticate-caller.ts';
import type { Issuer } from '../../src/usecases/issuer.ts';
import { issueJwtSvids } from '../../src/usecases/issue-jwt-svids.ts';
import { issueX509Svids } from '../../src/usecases/issue-x509-svids.ts';
import { writeCsr } from '../../src/formats/csr-writer.ts';
import { attestWith, callerOf, startAttesting, type TestAttesting } from '../support/attesting.ts';
import { newKey } from '../support/x509.ts';
import { createJoinToken } from '../../src/usecases/create-join-token.ts';

/** An issuance under an agent group leans on the group: who leaves it between decision and record gets nothing (DEC-4, DEC-27). */

let it: TestAttesting;
let caller: Caller;
let group: Entry;
let count = 0;

beforeAll(async () => {
  it = await startAttesting();
  const { token, id } = await createJoinToken(it.attesting, { purpose: { agent: 'node' }, by: 'test' });
  const agent = await attestWith(it, 'join_token', { token });
  caller = callerOf(it, agent);
  group = await it.entry('group', { selectors: [`join_token:${id}`] });
  await it.entry('web', { parentId: group.spiffeId });
});
afterAll(() => it.close());

/** The issuer, but that the group changes once before the next fact is recorded. */
const racing = (change: () => Promise<unknown>): Issuer => {
  let isFirst = true;
  const { ledger } = it.attesting;
  const append: Ledger['append'] = async (facts) => {
    if (isFirst) {
      isFirst = false;
      await change();
    }
    return ledger.append(facts);
  };
  return { ...it.attesting, ledger: { ...ledger, append } };
};

const rewrite = async (changes: Partial<Entry>): Promise<void> => {
  group = await it.entry('group', { ...group, ...changes, revision: group.revision + 1 });
};

const asks: Record<string, (issuer: Issuer) => Promise<readonly object[]>> = {
  'an X.509-SVID': (issuer) =>
    issueX509Svids(issuer, caller, [{ csr: writeCsr(newKey().privateKey), entryId: 'web' }], '192.0.2.1'),
  'a JWT-SVID': (issuer) =>
    issueJwtSvids(issuer, caller, [{ audience: ['db'], algorithm: 'ES256', entryId: 'web' }], '192.0.2.1'),
};

describe.each(Object.entries(asks))('%s', (_what, ask) => {
  const issued = () => it.facts('issued').filter(({ entry }) => entry === 'web');

  test('names the group that it leans on', async () => {
    expect(await ask(it.attesting)).toMatchObject([{ value: { spiffeId: 'spiffe://example.org/web' } }]);
    expect(issued().at(-1)?.leans).toMatchObject({ group: { id: 'group', revision: group.revision } });
  });

  test('is decided again when the group changed and the agent is still in it', async () => {
    expect(await ask(racing(() => rewrite({ hint: `change ${(count += 1)}` })))).toMatchObject([{ value: {} }]);
    expect(issued().at(-1)?.leans.group?.revision).toBe(group.revision);
  });

  test('is not given to an agent that has just left', async () => {
    const before = issued().length;
    const { selectors } = group;
    const answers = await ask(racing(() => rewrite({ selectors: ['join_token:of-another'] })));
    expect(answers).toMatchObject([{ refusal: { code: 'no_identity' } }]);
    expect(issued()).toHaveLength(before);
    await rewrite({ selectors });
  });
});
