import { KEY_SET_MAX_AGE_SECONDS } from '../domain/authority-policy.ts';
import { strongEtag } from '../formats/etag.ts';

/** A document for relying parties, as it is sent. */
export interface PublishedDocument {
  readonly body: string;
  readonly contentType: string;
  /** Strong (DEC-24). */
  readonly etag: string;
  /** Seconds that a cache may keep it. */
  readonly maxAge: number;
}

export const publishedDocument = (body: string, contentType: string): PublishedDocument => ({
  body,
  contentType,
  etag: strongEtag(body),
  maxAge: KEY_SET_MAX_AGE_SECONDS,
});
