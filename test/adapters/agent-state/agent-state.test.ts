import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FolderAgentState } from '../../../src/adapters/agent-state/agent-state.ts';
import { StateFolder } from '../../../src/adapters/agent-state/folder.ts';
import type { OwnSvid } from '../../../src/ports/agent-state.ts';
import { newOwnSvid, newStatePath } from '../../support/agent-folder.ts';
import { newKey } from '../../support/x509.ts';

let path: string;
let remove: () => void;
let folder: StateFolder | undefined;

beforeEach(() => {
  ({ path, remove } = newStatePath());
});

afterEach(() => {
  folder?.close();
  remove();
});

/** As the next start finds it. */
const open = (): FolderAgentState => {
  folder?.close();
  folder = new StateFolder(path);
  return new FolderAgentState(folder);
};

const plain = ({ key, chain, ...rest }: OwnSvid) => ({
  ...rest,
  chain: chain.map((der) => Buffer.from(der).toString('hex')),
  key: key.export({ type: 'pkcs8', format: 'pem' }),
});

const filled = async () => {
  const state = open();
  const svid = await newOwnSvid();
  state.saveNodeKey(newKey().privateKey);
  state.savePendingKey(newKey('p384').privateKey);
  state.saveSvid(svid);
  state.saveTrust({ anchor: 'a'.repeat(64), sequence: 7, x509Authorities: svid.chain.slice(1) });
  state.saveHead('{"logId":"x","size":12,"later":"member"}');
  return { state, svid };
};

test('an empty folder holds nothing', () => {
  const state = open();
  expect([state.svid(), state.pendingKey(), state.nodeKey(), state.trust(), state.head()]).toEqual(
    Array.from({ length: 5 }, () => undefined),
  );
});

test('everything outlives a restart', async () => {
  const { state, svid } = await filled();
  const next = open();
  const held = next.svid();
  expect(held && plain(held)).toEqual(plain(svid));
  expect(next.nodeKey()?.equals(state.nodeKey() as never)).toBe(true);
  expect(next.pendingKey()?.equals(state.pendingKey() as never)).toBe(true);
  expect(next.trust()).toMatchObject({ anchor: 'a'.repeat(64), sequence: 7 });
  expect(JSON.parse(next.head() ?? '')).toEqual({ logId: 'x', size: 12, later: 'member' });
});

test('a pending key is done with once its SVID is kept, also if the process ended in between', async () => {
  const state = open();
  const svid = await newOwnSvid({ locked: true });
  state.savePendingKey(svid.key);
  const pending = readFileSync(join(path, 'pending-key.json'));
  state.saveSvid(svid);
  expect(state.pendingKey()).toBeUndefined();
  writeFileSync(join(path, 'pending-key.json'), pending, { mode: 0o600 });
  const next = open();
  expect([next.pendingKey(), next.svid()?.locked]).toEqual([undefined, true]);
  expect(readdirSync(path)).not.toContain('pending-key.json');
});

test('forgetting leaves no key, and what was seen of trust and log', async () => {
  const { state } = await filled();
  state.forgetIdentity();
  const next = open();
  expect([next.svid(), next.pendingKey(), next.nodeKey()]).toEqual([undefined, undefined, undefined]);
  expect([next.trust()?.sequence, typeof next.head()]).toEqual([7, 'string']);
  expect(readdirSync(path).sort()).toEqual(['head.json', 'lock', 'trust.json']);
});

const edit = (name: string, change: (document: Record<string, unknown>) => unknown): void => {
  const file = join(path, name);
  const document = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  writeFileSync(file, JSON.stringify(change(document)));
};

describe('a damaged file is named, and nothing starts anew', () => {
  const FILES = ['svid.json', 'pending-key.json', 'node-key.json', 'trust.json', 'head.json'];

  test.each(FILES)('%s cut short, emptied, or something else', async (name) => {
    await filled();
    const file = join(path, name);
    const whole = readFileSync(file);
    for (const content of [whole.subarray(0, whole.length >> 1), '', '[]', '{}', 'null', Buffer.from([0xff, 0xfe])]) {
      writeFileSync(file, content);
      expect(open).toThrow(`${file} is damaged`);
      expect(readdirSync(path)).toContain(name);
    }
  });

  test.each([
    ['a key that is none', { key: 'AAAA' }],
    ['a key that is not base64', { key: '***' }],
    ['a certificate that is none', { chain: ['AAAA'] }],
    ['no certificate', { chain: [] }],
    ['an ID that is none', { spiffeId: 'http://x' }],
    ['a time that is none', { notAfter: 'soon' }],
    ['a member too many', { more: 1 }],
  ])('%s', async (_name, change) => {
    await filled();
    edit('svid.json', (document) => ({ ...document, ...change }));
    expect(open).toThrow('svid.json is damaged');
  });

  test('a key that belongs to another certificate', async () => {
    await filled();
    const other = newKey().privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64');
    edit('svid.json', (document) => ({ ...document, key: other }));
    expect(open).toThrow('the key is not that of the certificate');
  });

  test('what is told does not quote a key', async () => {
    await filled();
    const { key } = JSON.parse(readFileSync(join(path, 'node-key.json'), 'utf8')) as { key: string };
    edit('node-key.json', (document) => ({ ...document, key: `${key.slice(0, -8)}AAAAAAA=` }));
    let message = '';
    try {
      open();
    } catch (error) {
      ({ message } = error as Error);
    }
    expect(message).toContain('node-key.json is damaged');
    expect(message).not.toContain(key.slice(0, 16));
  });

  test('what a newer version wrote is not touched', async () => {
    await filled();
    edit('trust.json', (document) => ({ ...document, version: 2 }));
    expect(open).toThrow('written by a newer version');
  });
});
