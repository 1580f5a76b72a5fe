import type { Views } from '../ports/views.ts';
import { publishBundle } from './publish-bundle.ts';
import { publishKeys } from './publish-keys.ts';
import { authorizationServerMetadata, openidConfiguration, type IssuerUrls } from './publish-metadata.ts';
import type { PublishedDocument } from './published-document.ts';
import { readTrusted, type Trusted } from './read-trusted.ts';

type Source = Pick<Views, 'authorities' | 'resources' | 'changes'>;

/**
 * What relying parties fetch, each document written once for every state of the ledger that changes it. Without issuer URLs
 * there is no metadata (DEC-29).
 */
export class CurrentDocuments {
  readonly #views: Source;
  readonly #urls: IssuerUrls | undefined;
  #newest = Number.NaN;
  #trusted: Trusted | undefined;
  readonly #written = new Map<string, PublishedDocument>();

  constructor(views: Source, urls?: IssuerUrls) {
    this.#views = views;
    this.#urls = urls;
  }

  bundle(): PublishedDocument {
    return this.#current('bundle', ({ authorities, sequence }) => publishBundle(authorities, sequence));
  }

  jwtSvidKeys(): PublishedDocument {
    return this.#current('keys', ({ authorities }) => publishKeys(authorities, 'jwt-svid'));
  }

  accessTokenKeys(): PublishedDocument {
    return this.#current('jwks', ({ authorities }) => publishKeys(authorities, 'access-token'));
  }

  /** Undefined without issuer URLs. */
  openidConfiguration(): PublishedDocument | undefined {
    const urls = this.#urls;
    return urls && this.#current('openid', ({ authorities }) => openidConfiguration(urls, authorities));
  }

  /** Undefined without issuer URLs. */
  authorizationServer(): PublishedDocument | undefined {
    const urls = this.#urls;
    return (
      urls &&
      this.#current('oauth', ({ authorities }) =>
        authorizationServerMetadata(urls, authorities, this.#views.resources.list()),
      )
    );
  }

  #current(name: string, write: (trusted: Trusted) => PublishedDocument): PublishedDocument {
    this.#follow();
    const known = this.#written.get(name);
    if (known !== undefined) return known;
    this.#trusted ??= readTrusted(this.#views);
    const document = write(this.#trusted);
    this.#written.set(name, document);
    return document;
  }

  #follow(): void {
    const newest = this.#views.changes.newest();
    if (newest === this.#newest) return;
    this.#newest = newest;
    this.#trusted = undefined;
    this.#written.clear();
  }
}
