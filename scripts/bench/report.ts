import { isPinned } from './cores.ts';
import type { Floor } from './floors.ts';
import type { Measured } from './measure.ts';
import { BENCH_OPERATIONS } from './operations.ts';

export interface Report {
  readonly operations: readonly Measured[];
  readonly floors: {
    /** P-256 a second: medians over the whole run. */
    readonly verify_sign_verify: number;
    readonly sign_verify: number;
    /** 4 KiB appended and synced, median, before and after. */
    readonly fsync_ms: readonly [number, number];
  };
  readonly machine: { readonly node: string; readonly pinned: boolean };
}

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

export const makeReport = (operations: readonly Measured[], floors: readonly Floor[]): Report => {
  const fsyncs = floors.flatMap(({ fsync }) => (fsync === undefined ? [] : [rounded(fsync, 2)]));
  return {
    operations: operations.map((one) => ({
      ...one,
      rate: rounded(one.rate, 0),
      cpu_us: rounded(one.cpu_us, 0),
      load_cpu_us: rounded(one.load_cpu_us, 0),
      share: rounded(one.share, 3),
      cpu_share: rounded(one.cpu_share, 3),
      floor: rounded(one.floor, 0),
    })),
    floors: {
      verify_sign_verify: rounded(median(floors.map(({ vsv }) => vsv.rate)), 0),
      sign_verify: rounded(median(floors.map(({ sv }) => sv.rate)), 0),
      fsync_ms: [fsyncs[0] ?? 0, fsyncs.at(-1) ?? 0],
    },
    machine: { node: process.version, pinned: isPinned },
  };
};

const FLOOR_NAMES = { vsv: 'V+S+V', sv: 'S+V' } as const;

/** The number of clients that a bar is for. */
const BAR_CLIENTS = 32;

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** What an operation is to reach with this many clients, and whether it did. */
const barOf = ({ name, clients, share, p99_ms }: Measured): string => {
  const { bar, mostClients } = BENCH_OPERATIONS[name];
  if (clients !== Math.min(BAR_CLIENTS, mostClients)) return '';
  const isMet = share >= bar.share && p99_ms <= bar.p99;
  return `${(bar.share * 100).toFixed(0)} %, ${bar.p99} ms: ${isMet ? 'met' : 'missed'}`;
};

const COLUMNS = [
  'operation',
  'clients',
  'per s',
  'p50 ms',
  'p99 ms',
  'CPU µs',
  'of its floor',
  'by CPU',
  'bar',
  'verified',
] as const;

const cells = (one: Measured): readonly string[] => [
  one.name,
  String(one.clients),
  one.rate.toFixed(0),
  one.p50_ms.toFixed(2),
  one.p99_ms.toFixed(2),
  one.cpu_us.toFixed(0),
  `${percent(one.share)} of ${one.floor.toFixed(0)} ${FLOOR_NAMES[BENCH_OPERATIONS[one.name].floor]}${one.steady ? '' : ' (unsteady)'}`,
  percent(one.cpu_share),
  barOf(one),
  String(one.verified),
];

/** Names to the left, figures to the right. */
const table = (rows: readonly (readonly string[])[]): string => {
  const widths = COLUMNS.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  ');
  return rows.map(line).join('\n');
};

/** The report for people. */
export const reportText = ({ operations, floors, machine }: Report): string => {
  const [before, after] = floors.fsync_ms;
  return [
    table([COLUMNS, ...operations.map(cells)]),
    '',
    `floors on the server's core: ${floors.verify_sign_verify} V+S+V/s, ${floors.sign_verify} S+V/s; ` +
      `4 KiB to disk ${before} ms before, ${after} ms after`,
    `Node.js ${machine.node}, ${machine.pinned ? 'server on one core, load on another' : 'not pinned to cores'}`,
  ].join('\n');
};
