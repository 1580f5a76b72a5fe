import { status } from '@grpc/grpc-js';
import { REFUSAL_STATUS } from '../../../src/adapters/workload-api/status.ts';
import { REFUSAL_CODES } from '../../../src/domain/refusal.ts';

/** What clients never come back from (WLE-18). */
const FINAL: readonly number[] = [status.OK, status.CANCELLED, status.UNAUTHENTICATED, status.FAILED_PRECONDITION];

test.each(REFUSAL_CODES)('%s has a status that clients know how to go on from', (code) => {
  expect(FINAL).not.toContain(REFUSAL_STATUS[code]);
});

test.each<[keyof typeof REFUSAL_STATUS, number]>([
  ['no_identity', status.PERMISSION_DENIED],
  ['unavailable', status.UNAVAILABLE],
  ['busy', status.UNAVAILABLE],
  ['rate_limited', status.UNAVAILABLE],
  ['invalid_request', status.INVALID_ARGUMENT],
  ['invalid_token', status.INVALID_ARGUMENT],
])('%s (WLE-12, WLE-13, WLAPI-47)', (code, expected) => {
  expect(REFUSAL_STATUS[code]).toBe(expected);
});
