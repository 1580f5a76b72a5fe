import { hashLeaf } from '../domain/merkle.ts';
import type { RecordId } from '../domain/record-id.ts';
import { commitmentTo, readFactLeaf } from '../formats/fact-leaf.ts';
import type { Opening } from '../formats/fact-leaf.ts';
import type { LogSource } from './recover.ts';
import type { LogState } from './store.ts';
import { TiledTree } from './tiles.ts';

/** The store as a full check reads it: all of it as of one moment. */
export interface CheckSource extends LogSource {
  state(): LogState | undefined;
  opening(index: number): Opening | undefined;
  credentials(): Iterable<{ readonly id: RecordId; readonly index: number }>;
}

export interface CheckResult {
  readonly size: number;
  readonly credentials: number;
  readonly openings: number;
  /** What is wrong, in words for the operator; empty when all is well. At most `MAX_PROBLEMS`. */
  readonly problems: readonly string[];
}

export const MAX_PROBLEMS = 100;

const sameBytes = (a: Uint8Array, b: Uint8Array | undefined): boolean => b !== undefined && Buffer.compare(a, b) === 0;

/**
 * Rebuilds every tile and the root from the entries, checks every opening that is kept against its commitment, and looks for
 * the leaf of every credential.
 */
export const checkLedger = (source: CheckSource): CheckResult => {
  const state = source.state();
  if (!state) return { size: 0, credentials: 0, openings: 0, problems: ['the store holds no log'] };
  const problems: string[] = [];
  const openings = checkEntries(source, state, problems);
  const credentials = checkCredentials(source, problems);
  return { size: state.size, credentials, openings, problems: problems.slice(0, MAX_PROBLEMS) };
};

const checkEntries = (source: CheckSource, state: LogState, problems: string[]): number => {
  const tree = TiledTree.load(0, () => undefined);
  let openings = 0;
  let time = 0;
  for (let index = 0; index < state.size && problems.length < MAX_PROBLEMS; index++) {
    const bytes = source.leaf(index);
    if (!bytes) {
      problems.push(`entry ${index} is missing`);
      return openings;
    }
    tree.append(hashLeaf(bytes));
    const leaf = readFactLeaf(bytes);
    if (leaf.time < time) problems.push(`entry ${index} is older than the one before it`);
    time = leaf.time;
    const opening = source.opening(index);
    if (!opening) continue;
    openings += 1;
    if (commitmentTo(opening) !== leaf.commitment) problems.push(`the opening of entry ${index} does not fit its leaf`);
  }
  for (const { level, n, hashes } of tree.takeChanged()) {
    if (!sameBytes(hashes, source.tile(level, n)?.subarray(0, hashes.length))) {
      problems.push(`tile ${level}/${n} is not the one that the entries give`);
    }
  }
  if (!sameBytes(tree.root(), state.root)) problems.push(`the entries do not give the root of size ${state.size}`);
  return openings;
};

const checkCredentials = (source: CheckSource, problems: string[]): number => {
  let count = 0;
  for (const { id, index } of source.credentials()) {
    count += 1;
    const bytes = source.leaf(index);
    const leaf = bytes && readFactLeaf(bytes);
    if (leaf?.kind !== 'issued' || leaf.clear['id'] !== id) problems.push(`credential ${id} has no entry of its own`);
    if (problems.length >= MAX_PROBLEMS) break;
  }
  return count;
};
