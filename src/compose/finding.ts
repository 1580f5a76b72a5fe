/** The result of one check. */
export interface Finding {
  readonly what: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Runs a check, which returns what it found, or throws what is wrong. */
export const look = async (what: string, check: () => string | Promise<string>): Promise<Finding> => {
  try {
    return { what, ok: true, detail: await check() };
  } catch (error) {
    return { what, ok: false, detail: (error as Error).message };
  }
};

/** Ends a check: this is wrong. */
export const wrong = (detail: string): never => {
  throw new Error(detail);
};
