import { Refusal } from '../domain/refusal.ts';

/** The one text that a presenter sees, whatever was wrong (CC-21); `reason` is for the operator and holds nothing of the token. */
export const invalidToken = (reason: string): Refusal =>
  new Refusal('invalid_token', 'the token is not valid', { reason });

/** Runs a reader of untrusted input and turns its refusals into `invalid_token`. */
export const asInvalidToken = <Value>(what: string, read: () => Value): Value => {
  try {
    return read();
  } catch (error) {
    if (error instanceof Refusal) throw invalidToken(`${what}: ${error.reason ?? error.message}`);
    throw error;
  }
};
