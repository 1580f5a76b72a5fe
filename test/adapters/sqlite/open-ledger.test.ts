import { openTestLedger } from '../../support/ledger.ts';

test('what was appended can be read at once, and is still there after a restart', async () => {
  const first = await openTestLedger();
  const appended = await first.ledger.append({ facts: [{ kind: 'server-started', version: '1.2.3', frontEnds: 2 }] });
  expect(appended).toMatchObject({ status: 'committed', epoch: 1, index: 1 });
  expect(first.views.log.at(1)?.fact).toEqual({ kind: 'server-started', version: '1.2.3', frontEnds: 2 });
  const head = first.views.log.head();
  await first.close({ keep: true });

  const second = await openTestLedger({ dataDir: first.dataDir });
  expect(second.views.log.head()).toEqual(head);
  expect(second.views.log.at(0)?.fact).toMatchObject({ kind: 'epoch-opened', trustDomain: 'example.org', epoch: 1 });
  await second.close();
});
