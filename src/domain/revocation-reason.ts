import { Refusal } from './refusal.ts';

/** The words of RFC 5280 §5.3.1 that fit an identity, in snake case. */
export const REVOCATION_REASONS = [
  'unspecified',
  'key_compromise',
  'affiliation_changed',
  'superseded',
  'cessation_of_operation',
  'certificate_hold',
  'privilege_withdrawn',
] as const;

export type RevocationReason = (typeof REVOCATION_REASONS)[number];

export const REVOCATION_MODES = ['revoke', 'reissue', 'hold'] as const;
/**
 * *revoke*: what was issued is dead and nothing more is issued. *reissue*: what was issued is dead, successors are welcome.
 * *hold*: suspended until released (DEC-6).
 */
export type RevocationMode = (typeof REVOCATION_MODES)[number];

/** `certificate_hold` goes with a hold and with nothing else. Refuses with `invalid_request`. */
export const reasonFor = (mode: RevocationMode, given: RevocationReason | undefined): RevocationReason => {
  const reason = given ?? (mode === 'hold' ? 'certificate_hold' : 'unspecified');
  if ((reason === 'certificate_hold') === (mode === 'hold')) return reason;
  const detail =
    mode === 'hold' ? 'the reason of a hold is certificate_hold' : 'certificate_hold is the reason of a hold';
  throw new Refusal('invalid_request', detail, { field: 'reason' });
};
