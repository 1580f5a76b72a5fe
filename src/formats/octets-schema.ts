import { z } from 'zod';
import { tryDecodeBase64 } from './base64url.ts';

/** Octets, one at least, that a JSON document of ours holds in standard base64, in its one form. */
export const OctetsInBase64 = z.string().transform((text, context): Buffer => {
  const bytes = tryDecodeBase64(text);
  if (bytes !== undefined && bytes.length > 0) return bytes;
  context.addIssue({ code: 'custom', message: 'is not base64' });
  return z.NEVER;
});
