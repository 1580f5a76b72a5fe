import { STATUS, StatusError } from './status.ts';

const TIMEOUT = /^(\d{1,8})([HMSmun])$/;
const MILLISECONDS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };
/** What timers can wait: some 24 days. Whoever gives more time gives as much as they like. */
const MOST_MS = 0x7fff_ffff;

/** Milliseconds until the client loses patience, from `grpc-timeout`; undefined when it never does. Throws `StatusError`. */
export const timeoutOf = (values: readonly string[]): number | undefined => {
  const [value] = values;
  if (value === undefined) return undefined;
  const [, digits, unit = ''] = TIMEOUT.exec(value) ?? [];
  const factor = MILLISECONDS[unit];
  if (digits === undefined || factor === undefined) throw new StatusError(STATUS.INTERNAL, 'grpc-timeout is no time');
  const milliseconds = Math.ceil(Number(digits) * factor);
  return milliseconds > MOST_MS ? undefined : milliseconds;
};
