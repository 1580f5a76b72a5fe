/** One figure, and what it is to keep to. */
export interface Bar {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** The most that is good, or the least; absent where a figure is only told. */
  readonly bar?: number;
  readonly isLeast?: boolean;
  readonly passed?: boolean;
}

/** A figure beside its bar. */
export const atMost = (what: string, value: number, unit: string, bar: number): Bar => ({
  what,
  value,
  unit,
  bar,
  passed: value <= bar,
});

/** A figure that has to reach its bar. */
export const atLeast = (what: string, value: number, unit: string, bar: number): Bar => ({
  what,
  value,
  unit,
  bar,
  isLeast: true,
  passed: value >= bar,
});

/** A figure that no bar is for. */
export const told = (what: string, value: number, unit: string): Bar => ({ what, value, unit });

const shown = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toFixed(2))));

const cells = ({ what, value, unit, bar, isLeast, passed }: Bar): readonly [string, string, string, string] => [
  what,
  `${shown(value)} ${unit}`.trimEnd(),
  bar === undefined ? '' : `${isLeast === true ? '≥' : '≤'} ${shown(bar)}`,
  passed === undefined ? '' : passed ? 'pass' : 'FAIL',
];

/** A table for people. */
export const barsText = (bars: readonly Bar[]): string => {
  const rows = [['', 'measured', 'bar', ''] as const, ...bars.map(cells)];
  const width = (at: 0 | 1 | 2): number => Math.max(...rows.map((row) => row[at].length));
  return rows
    .map(([what, value, bar, verdict]) =>
      `${what.padEnd(width(0))}  ${value.padStart(width(1))}  ${bar.padStart(width(2))}  ${verdict}`.trimEnd(),
    )
    .join('\n');
};

export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
