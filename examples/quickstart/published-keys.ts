import { createRemoteJWKSet, customFetch } from 'jose';
import type { JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import { ask, expectAnswer } from '../shared/request.ts';
import type { Target } from '../shared/request.ts';

const Metadata = z.object({
  issuer: z.string(),
  jwks_uri: z.url(),
  mtls_endpoint_aliases: z.object({ token_endpoint: z.url() }).optional(),
});
export type Metadata = z.output<typeof Metadata>;

/** The metadata of one of the two issuers, as any relying party reads it. */
export const discover = async (publicListener: Target, path: string): Promise<Metadata> => {
  const answer = await ask({ ...publicListener, url: new URL(path, publicListener.url).href });
  return expectAnswer(`the metadata at ${path}`, answer, 200, Metadata);
};

/**
 * The published key set, for `jose`: fetched when first needed, kept, fetched again when a key is unknown. The only
 * thing added is how to trust the server: by the trust domain's own roots, since this one has no web certificate.
 */
export const publishedKeys = (publicListener: Target, { jwks_uri }: Metadata): JWTVerifyGetKey =>
  createRemoteJWKSet(new URL(jwks_uri), {
    [customFetch]: async (url: string) => {
      const { status, text } = await ask({ ...publicListener, url });
      return new Response(text, { status });
    },
  });
