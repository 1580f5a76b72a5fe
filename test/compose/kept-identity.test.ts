import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KeptIdentity } from '../../src/compose/kept-identity.ts';
import { devConfig } from '../../src/compose/dev-config.ts';
import { instant } from '../../src/domain/instant.ts';
import type { Views } from '../../src/ports/views.ts';
import { keepingLogger } from '../support/http.ts';
import { testEntropy } from '../support/ledger.ts';

const NOW = instant(1_795_000_000_000);
let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'mayfly-kept-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const logger = keepingLogger();

const keptIn = (more: { logId?: string; sealKey?: Uint8Array; trustDomain?: string } = {}): KeptIdentity => {
  const { logId = 'log', sealKey = new Uint8Array(32).fill(3), trustDomain = 'example.org' } = more;
  const config = devConfig({ trustDomain, dataDir, adminSocket: '/a.sock', port: 0, publicPort: 0, frontEnds: 1 });
  const views = { log: { head: () => ({ logId }) } } as Views;
  return new KeptIdentity(config, sealKey, { entropy: testEntropy, views, logger });
};

const svid = { certificateChain: 'a chain', privateKey: 'a private key', notAfter: NOW / 1000 + 60 };
const keep = (): void => keptIn().keep(svid as Parameters<KeptIdentity['keep']>[0]);
const file = (): string => join(dataDir, 'listener.sealed');

test('what was kept comes back, and lies sealed in between', () => {
  keep();
  expect(keptIn().take(NOW)).toEqual({ certificateChain: 'a chain', privateKey: 'a private key' });
  expect(statSync(file()).mode & 0o777).toBe(0o600);
  expect(readFileSync(file(), 'utf8')).not.toContain('private');
});

test.each([
  ['after it expired', {}, NOW + 60_000],
  ['under another seal key', { sealKey: new Uint8Array(32).fill(4) }, NOW],
  ['for another log', { logId: 'other' }, NOW],
  ['for another trust domain', { trustDomain: 'example.com' }, NOW],
])('%s there is none', (_when, more, at) => {
  keep();
  expect(keptIn(more).take(instant(at))).toBeUndefined();
});

test.each([
  ['no file', () => undefined],
  ['an empty file', () => writeFileSync(file(), '')],
  ['half a file', () => writeFileSync(file(), readFileSync(file(), 'utf8').slice(0, 80))],
])('of %s there is none', (_what, spoil) => {
  if (_what !== 'no file') keep();
  spoil();
  expect(keptIn().take(NOW)).toBeUndefined();
});

test('that it cannot be kept is only told', () => {
  rmSync(dataDir, { recursive: true });
  keep();
  expect(logger.lines.at(-1)?.message).toBe('the identity of the listeners is not kept');
});
