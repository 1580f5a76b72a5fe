import type { Refusal } from '../../src/domain/refusal.ts';

/** Work under way, or a call that may refuse at once. */
type Work = Promise<unknown> | (() => unknown);

/** What a use case refuses with. Throws when it does not. */
export const refusalOf = async (work: Work): Promise<Refusal> => {
  try {
    await (typeof work === 'function' ? work() : work);
  } catch (error) {
    return error as Refusal;
  }
  throw new Error('it was not refused');
};

/** The code of it. */
export const codeOf = async (work: Work): Promise<string> => (await refusalOf(work)).code;
