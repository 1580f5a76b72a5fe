import type { SpiffeId } from '../../domain/spiffe-id.ts';

/**
 * The condition that a SPIFFE ID is `prefix` or lies below it in whole segments. The first two comparisons are one range of an
 * index (`0` follows `/`); the others take out what continues with `-` or `.`, which come before `/`.
 */
export const belowPrefix = (column: string, prefix: SpiffeId): { sql: string; values: string[] } => ({
  sql: `${column} >= ? AND ${column} < ? AND (${column} = ? OR ${column} >= ?)`,
  values: [prefix, `${prefix}0`, prefix, `${prefix}/`],
});
