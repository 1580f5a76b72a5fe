import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { barsOf, type Happened } from '../../scripts/bench/herd/happened.ts';
import { readHerdOptions } from '../../scripts/bench/herd/options.ts';
import type { Pulse } from '../../scripts/bench/herd/pulse.ts';
import { measureHerd } from '../../scripts/bench/herd/run.ts';

describe('the command line of the herd', () => {
  test.each([[[]], [['agents']], [['--json', 'herd']]])('%j is for another part', (args) => {
    expect(readHerdOptions(args)).toBeUndefined();
  });

  test('is a thousand agents in three outages unless told', () => {
    expect(readHerdOptions(['herd'])).toEqual({
      json: false,
      agents: 1000,
      entriesPerAgent: 3,
      x509Ttl: 60,
      awaySeconds: 15,
      outages: ['rolling', 'crash', 'long'],
    });
  });

  test.each([
    [['--only', 'flood']],
    [['--agents', '0']],
    [['--away', '-1']],
    [['--ttl', 'long']],
    [['--streams', '1']],
  ])('%j is refused', (args) => {
    expect(() => readHerdOptions(['herd', ...args])).toThrow(/number|none of|option/);
  });
});

describe('what is made of an outage', () => {
  const options = readHerdOptions(['herd', '--agents', '10', '--per-agent', '2']);
  if (!options) throw new Error('it is for the herd');

  const pulse = (at: number, synced: number, svids: number, refused = {}): Pulse => ({
    at,
    synced,
    svids,
    identified: 10,
    renewed: 0,
    counts: { connections: at / 100, calls: at / 50, items: 0, refused },
  });

  const happened = (changes: Partial<Happened> = {}): Happened => ({
    which: 'crash',
    options,
    gone: 0,
    back: 10_000,
    first: 11_000,
    last: 30_000,
    whole: 31_000,
    pulses: [pulse(0, 10, 20), pulse(10_000, 0, 20), pulse(20_000, 5, 20), pulse(31_000, 10, 20)],
    samples: [{ at: 10_000, pid: 1, cpu: 0, residentMiB: 100, requests: 0, turnedAway: 0, connections: 0 }],
    asked: [{ at: 10_000, ms: 5, status: 200 }],
    askedBefore: [],
    ...changes,
  });

  const failed = (changes: Partial<Happened>): readonly string[] =>
    barsOf(happened(changes))
      .filter(({ passed }) => passed === false)
      .map(({ what }) => what.replace(/^[^:]*: /, ''));

  test('is good when all are back within a minute and nobody noticed', () => {
    expect(failed({})).toEqual([]);
  });

  test.each<[string, Partial<Happened>]>([
    ['the last agent is synchronised after', { last: 70_001 }],
    ['every workload has a good SVID after', { whole: 70_001 }],
    ['SVIDs that ended meanwhile', { pulses: [pulse(0, 10, 20), pulse(5000, 0, 19), pulse(31_000, 10, 20)] }],
    [
      'refused: an agent above its rate (429)',
      { pulses: [pulse(0, 10, 20), pulse(31_000, 10, 20, { rate_limited: 1 })] },
    ],
    ['another caller, 99 of 100', { asked: [{ at: 10_000, ms: 251, status: 200 }] }],
    ['another caller, not served', { asked: [{ at: 10_000, ms: 5, status: 503 }] }],
  ])('fails by “%s”', (what, changes) => {
    expect(failed(changes)).toEqual([what]);
  });

  test('SVIDs that must end in an outage longer than their life are only told of', () => {
    expect(failed({ which: 'long', pulses: [pulse(0, 10, 20), pulse(5000, 0, 0), pulse(31_000, 10, 20)] })).toEqual([]);
  });
});

test('twenty agents and their server: it is killed, and all of them are served again without a gap', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mayfly-herd-'));
  try {
    const options = readHerdOptions(['herd', '--agents', '20', '--per-agent', '1', '--only', 'crash', '--away', '1']);
    if (!options) throw new Error('it is for the herd');
    const bars = await measureHerd(options, folder, { startMs: 200, asideMs: 200 }, () => undefined);
    const value = (what: string): number => bars.find((bar) => bar.what.endsWith(what))?.value ?? NaN;
    expect(value('the last agent is synchronised after')).toBeLessThan(60);
    expect(value('SVIDs that ended meanwhile')).toBe(0);
    expect(value('an agent above its rate (429)')).toBe(0);
    expect(value('the server is full (503)')).toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);
