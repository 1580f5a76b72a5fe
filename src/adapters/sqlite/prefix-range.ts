import type { SpiffeId } from '../../domain/spiffe-id.ts';

/** What lies below `prefix` in whole segments, as a range of an index: from the first up to before the second (`0` follows `/`). */
export const rangeBelow = (prefix: SpiffeId): readonly [string, string] => [`${prefix}/`, `${prefix}0`];

/**
 * The condition that a SPIFFE ID is `prefix` or lies below it in whole segments. The first two comparisons are one range of an
 * index; the others take out what continues with `-` or `.`, which come before `/`.
 */
export const belowPrefix = (column: string, prefix: SpiffeId): { sql: string; values: string[] } => {
  const [from, end] = rangeBelow(prefix);
  return {
    sql: `${column} >= ? AND ${column} < ? AND (${column} = ? OR ${column} >= ?)`,
    values: [prefix, end, prefix, from],
  };
};
