import { hash } from 'node:crypto';
import { encodeBase64url } from './base64url.ts';

const PREFIX = 'mf-join-';

/** 192 bits: nobody guesses one within its life. */
export const JOIN_TOKEN_ENTROPY = 24;

const FORM = /^mf-join-[A-Za-z0-9_-]{32}$/;

/** The text that an operator carries to a machine. The prefix lets secret scanners find it where it should not be. */
export const joinToken = (random: Uint8Array): string => {
  if (random.length !== JOIN_TOKEN_ENTROPY) throw new RangeError(`a join token takes ${JOIN_TOKEN_ENTROPY} octets`);
  return PREFIX + encodeBase64url(random);
};

export const isJoinToken = (text: string): boolean => FORM.test(text);

/** SHA-256, hexadecimal: the only form in which a token is ever stored (DEC-16). */
export const joinTokenHash = (token: string): string => hash('sha256', token, 'hex');
