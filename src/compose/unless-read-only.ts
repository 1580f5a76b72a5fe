import { Refusal } from '../domain/refusal.ts';

/** Awaits `work`, and lets it pass that nothing can be recorded: a store that takes no writes has to be let go of, too. */
export const unlessReadOnly = async (work: Promise<unknown>): Promise<void> => {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'read_only') throw error;
  }
};
