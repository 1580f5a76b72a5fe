import { Refusal } from '../../domain/refusal.ts';
import type { EvidenceSource } from '../../ports/evidence.ts';
import { readEvidenceFile } from './evidence-file.ts';

const MAX_BYTES = 16 * 1024;
const FORM = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** A token of an OpenID Connect issuer in a file that somebody keeps fresh, such as a projected one of Kubernetes. */
export const oidcEvidence = ({ file: path }: { readonly file: string }): EvidenceSource => ({
  type: 'oidc',
  challenged: false,
  collect: async () => {
    // Kubernetes lets the group read it.
    const text = readEvidenceFile({ path, what: 'OIDC token', maxBytes: MAX_BYTES, secret: false }).toString('latin1');
    const token = text.trim();
    if (!FORM.test(token)) throw new Refusal('unavailable', `what the file ${path} holds is no JWT`);
    return { token };
  },
});
