import { Refusal } from '../../domain/refusal.ts';
import { isJoinToken } from '../../formats/join-token.ts';
import type { EvidenceSource } from '../../ports/evidence.ts';
import { type EvidenceFile, readEvidenceFile } from './evidence-file.ts';

const MAX_BYTES = 1024;

/** A token as it is, or the file with it. */
export type JoinTokenPlace =
  | { readonly value: string }
  | ({ readonly file: string } & Pick<EvidenceFile, 'credentials'>);

const checked = (token: string, where: string): string => {
  if (isJoinToken(token)) return token;
  throw new Refusal('unavailable', `${where} is no join token: make one with mayfly join-token create --agent NAME`);
};

/** A one-time secret of an operator (DEC-16), given as it is or in a file that only this user may read. */
export const joinTokenEvidence = (token: JoinTokenPlace): EvidenceSource => ({
  type: 'join_token',
  challenged: false,
  collect: async () => {
    if ('value' in token) return { token: checked(token.value, 'what is given as join token') };
    const { file: path, credentials } = token;
    const read = readEvidenceFile({ path, what: 'join token', maxBytes: MAX_BYTES, secret: true, credentials });
    const text = read.toString('latin1');
    return { token: checked(text.trim(), `what the file ${path} holds`) };
  },
});
