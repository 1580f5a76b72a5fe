import { Refusal } from '../domain/refusal.ts';

/** The labels in use (RFC 7468). */
export type PemLabel = 'CERTIFICATE' | 'CERTIFICATE REQUEST' | 'PUBLIC KEY' | 'PRIVATE KEY';

const LINE_LENGTH = 64;
const MAX_PEM_BYTES = 256 * 1024;
const MAX_PEM_BLOCKS = 64;

/** One block, in lines of 64 characters, with a newline at the end. */
export const encodePem = (label: PemLabel, der: Uint8Array): string => {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64');
  let text = `-----BEGIN ${label}-----\n`;
  for (let at = 0; at < base64.length; at += LINE_LENGTH) text += `${base64.slice(at, at + LINE_LENGTH)}\n`;
  return `${text}-----END ${label}-----\n`;
};

const refuse = (problem: string): never => {
  throw new Refusal('invalid_request', `PEM: ${problem}`);
};

const BASE64_LINE = /^[A-Za-z0-9+/]{1,76}={0,2}$/;

const decodeBase64 = (lines: readonly string[]): Buffer => {
  if (lines.length === 0 || !lines.every((line) => BASE64_LINE.test(line))) return refuse('a line that is not base64');
  const base64 = lines.join('');
  const der = Buffer.from(base64, 'base64');
  // Catches padding in the middle, missing padding and spare bits alike.
  return der.toString('base64') === base64 ? der : refuse('base64 that is not in its one form');
};

/**
 * The blocks of a PEM text, all with `label`, in order. Text between blocks is allowed, as RFC 7468 §2 has it; inside a block
 * only base64 in its one form. Refuses with `invalid_request`: no block at all, another label (a private key among
 * certificates, for example), an open block, more than 64 blocks or 256 KiB.
 */
export const parsePem = (text: string, label: PemLabel): Buffer[] => {
  if (text.length > MAX_PEM_BYTES) return refuse('more than 256 KiB');
  const blocks: Buffer[] = [];
  let open: string[] | undefined;
  for (const line of text.split('\n').map((each) => each.trimEnd())) {
    if (line.startsWith('-----BEGIN ')) {
      if (open !== undefined) return refuse('a block inside a block');
      if (line !== `-----BEGIN ${label}-----`) return refuse(`a block that is not a ${label}`);
      open = [];
    } else if (line.startsWith('-----END ')) {
      if (open === undefined || line !== `-----END ${label}-----`) return refuse('an end without its beginning');
      if (blocks.length === MAX_PEM_BLOCKS) return refuse('more than 64 blocks');
      blocks.push(decodeBase64(open));
      open = undefined;
    } else open?.push(line);
  }
  if (open !== undefined) return refuse('a block without an end');
  return blocks.length === 0 ? refuse(`no ${label}`) : blocks;
};
