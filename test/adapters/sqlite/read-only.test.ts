import { openTestLedger } from '../../support/ledger.ts';

const fact = { facts: [{ kind: 'server-stopped' as const }] };
const known = { reason: 'an agent knows more than the store', epoch: 3 };

// DEC-11
test('whoever learns that the log went on elsewhere stops all writes, for good', async () => {
  const first = await openTestLedger();
  const other = first.open.connect();
  const heard: string[] = [];
  first.open.onReadOnly((reason) => heard.push(reason));
  await first.ledger.append(fact);
  const { size } = first.views.log.head();

  await expect(first.ledger.stopWrites(known)).rejects.toMatchObject({ code: 'read_only', reason: known.reason });
  // Every front end, not only the one that heard of it.
  for (const ledger of [first.ledger, other.ledger]) {
    await expect(ledger.append(fact)).rejects.toMatchObject({ code: 'read_only', retryAfter: 30 });
  }
  expect(heard).toEqual([known.reason]);
  expect(first.open.readOnly()).toBe(known.reason);
  expect(other.views.log.head().size).toBe(size);
  other.close();
  await first.close({ keep: true });

  const again = await openTestLedger({ dataDir: first.dataDir });
  expect(again.open.readOnly()).toBe(known.reason);
  await expect(again.ledger.append(fact)).rejects.toMatchObject({ code: 'read_only' });
  // The first reason stays.
  await expect(again.ledger.stopWrites({ ...known, reason: 'another' })).rejects.toMatchObject({
    reason: known.reason,
  });
  expect(again.views.log.head().size).toBe(size);
  await again.close();
});

test('appends that wait while writes are stopped are refused, not recorded', async () => {
  const test = await openTestLedger();
  const { size } = test.views.log.head();
  const waiting = [test.ledger.stopWrites(known), ...Array.from({ length: 5 }, () => test.ledger.append(fact))];
  for (const each of await Promise.allSettled(waiting)) expect(each.status).toBe('rejected');
  expect(test.views.log.head().size).toBe(size);
  await test.close();
});
