/** Who plays in the story, in the trust domain that `mayfly dev` has unless told. */
const TRUST_DOMAIN = 'example.org';

export const SERVER_ID = `spiffe://${TRUST_DOMAIN}/mayfly/server`;

/** The caller. */
export const APP = { entry: 'app', spiffeId: `spiffe://${TRUST_DOMAIN}/app` } as const;

/** The API that it calls, which has an identity of its own. */
export const ORDERS = {
  entry: 'orders-api',
  spiffeId: `spiffe://${TRUST_DOMAIN}/orders-api`,
  resource: `https://orders.${TRUST_DOMAIN}`,
} as const;

/** A program on this machine that asks the agent, and has no code of ours. */
export const BILLING = { entry: 'billing', spiffeId: `spiffe://${TRUST_DOMAIN}/billing` } as const;

export const READ = 'orders:read';
export const WRITE = 'orders:write';

/** Whom the app's JWT-SVID is for: some other service that takes JWT-SVIDs. */
export const AUDIENCE = `spiffe://${TRUST_DOMAIN}/reports`;
