import { writeSync } from 'node:fs';
import { recordId, RECORD_ID_ENTROPY } from '../../src/domain/record-id.ts';
import type { Failpoint } from '../../src/adapters/sqlite/messages.ts';
import { openTestLedger, testClock, testEntropy } from './ledger.ts';

// Appends as fast as it can, and prints each place and id only after the ledger has acknowledged it. Ends by being killed.
const [dataDir = '', failpoint = ''] = process.argv.slice(2);
const { ledger } = await openTestLedger({
  dataDir,
  clock: testClock(Date.now()),
  onFatal: () => process.exit(3),
  ...(failpoint !== '' && { testing: { failpoint: JSON.parse(failpoint) as Failpoint } }),
});

const appendForever = async (): Promise<never> => {
  for (;;) {
    const id = recordId(testClock(Date.now()).now(), testEntropy.bytes(RECORD_ID_ENTROPY));
    const appended = await ledger.append({
      facts: [{ kind: 'denied', id, operation: 'attest', code: 'attestation_refused', reason: 'test' }],
    });
    if (appended.status === 'committed') writeSync(1, `${appended.index} ${id}\n`);
  }
};

await Promise.all(Array.from({ length: 16 }, appendForever));
