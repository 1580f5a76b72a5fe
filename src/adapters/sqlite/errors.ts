/** The code of an error of SQLite, for example `SQLITE_BUSY`; undefined for anything else. */
export const sqliteCode = (error: unknown): string | undefined => {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' && error.code.startsWith('SQLITE_') ? error.code : undefined;
};
