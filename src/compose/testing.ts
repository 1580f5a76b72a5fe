import type { App } from '../adapters/http/app.ts';
import type { Route } from '../adapters/http/route.ts';
import type { LedgerOptions } from '../adapters/sqlite/open-ledger.ts';
import type { KeyStore } from '../ports/keys.ts';

/**
 * Parts of the first front end that a test puts something around, to stop the process between two steps of an issuance
 * (DEC-3). Absent, nothing is wrapped and nothing is asked on the way of a request.
 */
export interface Wrappers {
  readonly keyStore?: (store: KeyStore) => KeyStore;
  readonly route?: (route: Route) => Route;
  readonly app?: (app: App) => App;
}

/** What a test composes a server with. No configuration, argument or environment leads here. */
export interface ServerTesting {
  readonly ledger?: NonNullable<LedgerOptions['testing']>;
  readonly wrap?: Wrappers;
}
