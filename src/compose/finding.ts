/** One thing that was looked at. */
export interface Finding {
  readonly what: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Looks, and makes an answer of whatever is found: what throws is wrong, and says why. */
export const look = async (what: string, look: () => string | Promise<string>): Promise<Finding> => {
  try {
    return { what, ok: true, detail: await look() };
  } catch (error) {
    return { what, ok: false, detail: (error as Error).message };
  }
};

/** Ends a look. */
export const wrong = (detail: string): never => {
  throw new Error(detail);
};
