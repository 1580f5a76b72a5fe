import { LANGUAGES } from './languages.ts';

type Column = (typeof COLUMNS)[number];
/** `raw` is a client that is nobody's library. */
const COLUMNS = [...LANGUAGES, 'raw'] as const;

interface Cell {
  passed: number;
  failed: number;
}

const rows = new Map<string, Map<Column, Cell>>();

const cellOf = (row: string, column: Column): Cell => {
  const cells = rows.get(row) ?? new Map<Column, Cell>();
  const cell = cells.get(column) ?? { passed: 0, failed: 0 };
  rows.set(row, cells.set(column, cell));
  return cell;
};

/** Runs a check of one case and one client; it has failed when it throws. */
export const check = async (row: string, column: Column, name: string, run: () => unknown): Promise<boolean> => {
  const cell = cellOf(row, column);
  try {
    await run();
    cell.passed += 1;
    return true;
  } catch (error) {
    cell.failed += 1;
    console.log(`FAILED ${row} ${column}: ${name}: ${(error as Error).message}`);
    return false;
  }
};

const text = (cell: Cell | undefined): string => {
  if (cell === undefined) return '';
  return cell.failed === 0 ? `${cell.passed} ok` : `${cell.failed} of ${cell.passed + cell.failed} FAILED`;
};

/** Prints who passed what, and the sum. */
export const finish = (): void => {
  const names = [...rows.keys()];
  const width = Math.max(...names.map((name) => name.length));
  console.log(`\n${''.padEnd(width)}  ${COLUMNS.map((column) => column.padEnd(15)).join('')}`);
  for (const name of names) {
    const cells = COLUMNS.map((column) => text(rows.get(name)?.get(column)).padEnd(15)).join('');
    console.log(`${name.padEnd(width)}  ${cells}`.trimEnd());
  }
  const all = [...rows.values()].flatMap((cells) => [...cells.values()]);
  const sum = (of: keyof Cell): number => all.reduce((total, cell) => total + cell[of], 0);
  console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
  process.exitCode = sum('failed') === 0 ? 0 : 1;
};
