import { join } from 'node:path';
import { buildLoad } from '../load.ts';
import { atMost, type Bar, barsText, told } from './bars.ts';
import { type DataSet, readDataSet } from './data-set.ts';
import { prepareAgain } from '../prepare.ts';
import { type DiskReport, diskReport } from './disk.ts';
import { fill } from './fill.ts';
import { measureFlat, type Progress } from './flat.ts';
import type { ScaleOptions } from './options.ts';
import { measurePurge } from './purge.ts';
import { measureResident, measureSoak } from './resident.ts';
import { measureWriter } from './writer.ts';

const DISK_BAR = 1024;

export interface ScaleReport {
  readonly command: ScaleOptions['command'];
  readonly bars: readonly Bar[];
  readonly disk?: DiskReport;
}

/** The data set of the options: as it is, or filled for this run. */
const dataSetOf = async (dataDir: string, options: ScaleOptions, progress: Progress): Promise<DataSet> => {
  const known = readDataSet(dataDir);
  if (options.command === 'fill' || known?.isFilled !== true) return fill(dataDir, options, progress);
  if (options.command === 'disk') return known;
  progress('new certificates for the identities');
  return { ...known, prepared: await prepareAgain(dataDir, known.prepared) };
};

const diskBars = ({ credentials, entries, facts, file_bytes, bytes_per_credential }: DiskReport): readonly Bar[] => [
  told('entries', entries, ''),
  told('recorded credentials', credentials, ''),
  told('facts', facts, ''),
  told('file', file_bytes / 1024 ** 2, 'MiB'),
  atMost('of it for each credential, entries and all', bytes_per_credential, 'B', DISK_BAR),
];

/** Runs one command. `folder` is a temporary one. */
export const runScale = async (options: ScaleOptions, folder: string, progress: Progress): Promise<ScaleReport> => {
  const { command } = options;
  if (command === 'writer') return { command, bars: await measureWriter(folder, options.durationMs, progress) };
  const dataDir = options.dataDir ?? join(folder, 'filled');
  const dataSet = await dataSetOf(dataDir, options, progress);
  if (command === 'fill' || command === 'disk') {
    progress('reading every page');
    const disk = diskReport(dataDir);
    return { command, bars: diskBars(disk), disk };
  }
  const parts = { generator: buildLoad(folder), folder, progress };
  if (command === 'flat') return { command, bars: await measureFlat(dataDir, dataSet, options, parts) };
  if (command === 'memory') return { command, bars: await measureResident(dataDir, dataSet, options, parts) };
  if (command === 'soak') return { command, bars: await measureSoak(dataDir, dataSet, options, parts) };
  const seconds = options.durationMs / 1000;
  return { command, bars: await measurePurge(dataDir, dataSet, { ...options, seconds }, parts) };
};

/** The report for people. */
export const scaleText = ({ bars, disk }: ScaleReport): string => {
  const parts = disk?.parts.filter(({ bytes_per_credential }) => bytes_per_credential >= 1) ?? [];
  const width = Math.max(0, ...parts.map(({ name }) => name.length));
  const lines = parts.map(
    ({ name, kind, bytes_per_credential, used }) =>
      `${name.padEnd(width)}  ${kind}  ${bytes_per_credential.toFixed(1).padStart(6)} B a credential, ${(used * 100).toFixed(0)} % in use`,
  );
  return [barsText(bars), ...(lines.length > 0 ? ['', ...lines] : [])].join('\n');
};
