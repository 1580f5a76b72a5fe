import type { Fact } from '../../src/domain/fact.ts';
import type { SpiffeId } from '../../src/domain/spiffe-id.ts';
import type { EntryReader } from '../../src/ports/views.ts';
import { AgentRevocations } from '../../src/usecases/agent-revocations.ts';
import { id, openAdministration, type TestAdministration } from '../support/administration.ts';
import { entryFixture } from '../support/facts.ts';

let admin: TestAdministration;
beforeAll(async () => {
  admin = await openAdministration();
});
afterAll(() => admin.close());

const node = (name: number): SpiffeId => id(`/mayfly/agent/x509pop/node-${name}`);

// P2: what many entries lie below must not hold up the news of other revocations
test('who is told of a prefix is known without a look at the entries below it', async () => {
  const unread = new Proxy({} as EntryReader, {
    get: () => {
      throw new Error('entries are read');
    },
  });
  const { follower, views } = admin;
  const revocations = new AgentRevocations({ follower, views: { ...views, entries: unread } });
  const standAside = () => Promise.reject(new Error('nobody waits'));
  const target = { kind: 'prefix', value: id('/apps') } as const;
  expect(await revocations.recipients({ target, predicates: ['hold'] }, standAside)).toBe('everyone');
});

test('of an identity all parents of its many entries are, and others come in between', async () => {
  const facts = Array.from({ length: 2400 }, (_, at): Fact => {
    const entry = entryFixture({
      id: `e${at}`,
      spiffeId: id('/log'),
      parentId: node(at % 3),
      selectors: [`unix:uid:${at}`],
    });
    return { kind: 'entry-created', entry, by: 'test', leans: { policy: 1 } };
  });
  for (let at = 0; at < facts.length; at += 400) await admin.ledger.append({ facts: facts.slice(at, at + 400) });
  const beside = entryFixture({ id: 'beside', spiffeId: id('/log/er'), parentId: node(7) });
  await admin.ledger.append({ facts: [{ kind: 'entry-created', entry: beside, by: 'test', leans: { policy: 1 } }] });
  let turns = 0;
  const target = { kind: 'identity', value: id('/log') } as const;
  const recipients = await new AgentRevocations(admin).recipients({ target, predicates: ['hold'] }, async () => {
    turns += 1;
  });
  expect(recipients).toEqual({ agents: new Set([id('/log')]), parents: new Set([node(0), node(1), node(2)]) });
  expect(turns).toBe(3);
});
