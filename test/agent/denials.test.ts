import { Denials } from '../../src/agent/denials.ts';
import { MAX_AGENT_LINE_BYTES, readAgentMessage } from '../../src/formats/agent-message.ts';
import type { SyncDenials } from '../../src/formats/sync-message.ts';
import { testEntropy } from '../support/ledger.ts';
import { manualTime } from '../support/manual-time.ts';
import { silentLogger } from '../support/silent-logger.ts';

const newDenials = () => {
  const time = manualTime();
  const said: SyncDenials[] = [];
  const warnings: unknown[] = [];
  const room = { isThere: true };
  const denials = new Denials({
    clock: time.clock,
    entropy: testEntropy,
    delays: time.delays,
    logger: { ...silentLogger, warn: (_message, fields) => warnings.push(fields) },
    say: (message) => {
      if (room.isThere) said.push(message);
      return room.isThere;
    },
  });
  const noteOf = (uid: number, selectors: readonly string[], reason = 'no entry matches') =>
    denials.note(uid, { operation: 'workload x509-svid', reason, selectors });
  const note = (selectors: readonly string[], reason?: string) => noteOf(1000, selectors, reason);
  const told = (): string[] => said.flatMap((message) => message.denials.map(({ id }) => id));
  return { ...time, denials, said, room, note, noteOf, told, warnings };
};

test('what a caller chooses takes no room of its own', () => {
  const { denials } = newDenials();
  const selectors = Array.from({ length: 2000 }, (_, at) => `k8s:pod-label:${'x'.repeat(400)}:${at}`);
  const ask = (at: number) =>
    denials.note(1000, {
      operation: 'workload jwt-svid',
      reason: 'none',
      selectors,
      spiffeId: `spiffe://example.org/${at}`,
    });
  const before = process.memoryUsage().rss;
  for (let at = 0; at < 200; at++) ask(at);
  // The texts alone would take 160 MB and more.
  expect(process.memoryUsage().rss - before).toBeLessThan(120 * 1024 * 1024);
});

test('a caller that comes again keeps its id for a minute, and is told of once', () => {
  const { note, pass, told } = newDenials();
  const first = note(['unix:uid:1']);
  expect(note(['unix:uid:1'])).toBe(first);
  const other = note(['unix:uid:2']);
  expect(note(['unix:uid:1'], 'another reason')).not.toBe(first);
  pass(100);
  expect(told()).toHaveLength(3);
  expect(told().slice(0, 2)).toEqual([first, other]);
  pass(59_899);
  expect(note(['unix:uid:1'])).toBe(first);
  pass(1);
  expect(note(['unix:uid:1'])).not.toBe(first);
});

test('what was not heard is told again; what is on record is not', () => {
  const { denials, note, pass, told, room } = newDenials();
  room.isThere = false;
  const one = note(['unix:uid:1']);
  const two = note(['unix:uid:2']);
  pass(100);
  expect(told()).toEqual([]);
  room.isThere = true;
  denials.tell();
  denials.tell();
  expect(told()).toEqual([one, two]);
  denials.recorded([one]);
  // Another connection.
  denials.tellAgain();
  denials.tell();
  expect(told()).toEqual([one, two, two]);
  expect(denials.size).toBe(1);
});

test('the server takes every line: many denials, long selectors, thousands of them', () => {
  const { note, pass, said, denials } = newDenials();
  for (let at = 0; at < 200; at += 1) note([`unix:uid:${at}`]);
  for (let at = 0; at < 50; at += 1) {
    note([`unix:path:/${at}/${'x'.repeat(1000)}`, ...Array.from({ length: 4000 }, (_, gid) => `unix:gid:${gid}`)]);
  }
  note(Array.from({ length: 64 }, (_, at) => `docker:label:${at}${'ü'.repeat(500)}`));
  pass(100);
  expect(said.flatMap((line) => line.denials)).toHaveLength(251);
  for (const line of said) {
    const octets = Buffer.from(JSON.stringify(line));
    expect(octets.length).toBeLessThan(MAX_AGENT_LINE_BYTES);
    expect(readAgentMessage(octets)).toEqual(line);
  }
  // Some of each kind are told, before many of one.
  const [long] = said.flatMap((line) => line.denials).filter(({ selectors }) => selectors.length === 64);
  expect(long?.selectors.some((selector) => selector.startsWith('unix:path:'))).toBe(true);
  expect(denials.size).toBe(251);
});

test('callers cannot fill the memory: the oldest are lost', () => {
  const { note, denials, pass, told } = newDenials();
  const ids = Array.from({ length: 5000 }, (_, at) => note([`unix:uid:${at}`]));
  expect(denials.size).toBe(1000);
  pass(100);
  expect(told()).toEqual(ids.slice(4000));
  expect(denials.dropped).toBe(4000);
});

test('one who asks again and again pushes out his own denials, not those of others', () => {
  const { noteOf, denials, pass, told } = newDenials();
  const [first, second] = [noteOf(1, ['unix:uid:1']), noteOf(2, ['unix:uid:2'])];
  for (let at = 0; at < 5000; at += 1) noteOf(3, [`unix:path:/${at}`]);
  expect(denials.size).toBe(1000);
  expect(denials.dropped).toBe(4002);
  pass(100);
  expect(told()).toHaveLength(1000);
  expect(told().slice(0, 2)).toEqual([first, second]);
  // What they were told is still theirs.
  expect(noteOf(1, ['unix:uid:1'])).toBe(first);
  expect(noteOf(2, ['unix:uid:2'])).toBe(second);
});

test('two who share the room have half of it each, whoever was there first', () => {
  const { noteOf, pass, said } = newDenials();
  for (let at = 0; at < 3000; at += 1) noteOf(1, [`unix:uid:1`, `unix:path:/${at}`]);
  for (let at = 0; at < 3000; at += 1) noteOf(2, [`unix:uid:2`, `unix:path:/${at}`]);
  pass(100);
  const users = said.flatMap((line) => line.denials).map(({ selectors }) => selectors.at(-1));
  expect(users.filter((user) => user === 'unix:uid:1')).toHaveLength(500);
  expect(users.filter((user) => user === 'unix:uid:2')).toHaveLength(500);
});

test('the log says how many were lost, once a minute at most', () => {
  const { note, pass, warnings } = newDenials();
  for (let at = 0; at < 1010; at += 1) note([`unix:uid:${at}`]);
  expect(warnings).toEqual([{ dropped: 1 }]);
  pass(60_000);
  note(['unix:uid:5000']);
  expect(warnings).toEqual([{ dropped: 1 }, { dropped: 10 }]);
});

test('what one user is told is not told of another', () => {
  const { noteOf } = newDenials();
  expect(noteOf(1, [])).not.toBe(noteOf(2, []));
});
