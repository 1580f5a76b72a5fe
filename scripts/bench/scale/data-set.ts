import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { prepare, type Prepared, type PreparedSizes } from '../prepare.ts';
import type { FleetPlan } from './fleet.ts';

/** A data folder for the bench, and what is known of it; kept beside the store, so that another run may use it again. */
export interface DataSet {
  readonly prepared: Prepared;
  /** What it was filled with, or is being. */
  readonly plan?: FleetPlan;
  /** The size that the log had before the first fact of the plan. */
  readonly start?: number;
  readonly isFilled: boolean;
}

const file = (dataDir: string): string => join(dataDir, 'bench.json');

/** Certificate requests are octets, which JSON has no form for. */
const written = (name: string, value: unknown): unknown =>
  name === 'csr' ? Buffer.from(value as Uint8Array).toString('base64') : value;

const read = (name: string, value: unknown): unknown =>
  name === 'csr' && typeof value === 'string' ? new Uint8Array(Buffer.from(value, 'base64')) : value;

export const readDataSet = (dataDir: string): DataSet | undefined =>
  existsSync(file(dataDir)) ? (JSON.parse(readFileSync(file(dataDir), 'utf8'), read) as DataSet) : undefined;

/** It holds the keys of the bench's clients, so that only its owner may read it. */
export const writeDataSet = (dataDir: string, dataSet: DataSet): void => {
  const draft = `${file(dataDir)}.new`;
  writeFileSync(draft, JSON.stringify(dataSet, written), { mode: 0o600 });
  renameSync(draft, file(dataDir));
};

/** The data set in a folder; a new one, founded and with identities for the load, where there is none. */
export const openDataSet = async (dataDir: string, sizes?: PreparedSizes): Promise<DataSet> => {
  const known = readDataSet(dataDir);
  if (known) return known;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const made: DataSet = { prepared: await prepare(dataDir, sizes), isFilled: false };
  writeDataSet(dataDir, made);
  return made;
};
