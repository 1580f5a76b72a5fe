import { isIP } from 'node:net';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { Refusal } from '../domain/refusal.ts';

/** Where relative paths and credentials of a configuration are looked for. */
export interface ConfigPlace {
  /** The folder of the configuration file. */
  readonly folder: string;
  /** `CREDENTIALS_DIRECTORY`, as systemd sets it for a service with `LoadCredential=`. */
  readonly credentials?: string;
}

/** A value written as text. `form` says what would be right; `parse` throws `Refusal` with what is wrong. */
export const textValue = <T>(form: string, parse: (raw: string) => T) =>
  z
    .string()
    .transform((raw, context): T => {
      try {
        return parse(raw);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        context.issues.push({ code: 'custom', message: error.message, input: raw });
        return z.NEVER;
      }
    })
    .meta({ form });

const refuse = (problem: string): never => {
  throw new Refusal('invalid_request', problem);
};

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 } as const;
const DURATION = /^(?:\d{1,9}[smhdw])+$/;
const PART = /(\d+)([smhdw])/g;

/** `90s`, `10m`, `1h30m`, `7d`: whole seconds. Refuses a bare number, since nobody knows its unit. */
export const parseDuration = (raw: string): number => {
  if (/^\d+$/.test(raw)) return refuse('has no unit');
  if (!DURATION.test(raw)) return refuse('is not a duration');
  let seconds = 0;
  for (const [, count, unit] of raw.matchAll(PART)) seconds += Number(count) * SECONDS[unit as keyof typeof SECONDS];
  return seconds;
};

/** The shortest text that `parseDuration` reads as `seconds`. */
export const formatDuration = (seconds: number): string => {
  if (seconds === 0) return '0s';
  const unit = (['w', 'd', 'h', 'm'] as const).find((name) => seconds % SECONDS[name] === 0) ?? 's';
  return `${seconds / SECONDS[unit]}${unit}`;
};

/** A duration between two others, both allowed. */
export const duration = (low: string, high: string) =>
  textValue(`a duration from ${low} to ${high}, like 90s, 10m, 1h30m or 7d`, (raw) => {
    const seconds = parseDuration(raw);
    if (seconds < parseDuration(low)) return refuse(`is shorter than ${low}`);
    if (seconds > parseDuration(high)) return refuse(`is longer than ${high}`);
    return seconds;
  });

export const whole = (low: number, high: number) =>
  z
    .int()
    .min(low)
    .max(high)
    .meta({ form: `a whole number from ${low} to ${high}` });

export const port = () =>
  z.int().min(0).max(65_535).meta({ form: 'a port from 1 to 65535, or 0 for any that is free' });

export const address = () =>
  textValue('an IP address, like 0.0.0.0, :: or 127.0.0.1', (raw) =>
    isIP(raw) === 0 ? refuse('is not an IP address') : raw,
  );

/** An absolute path; relative ones start at the configuration file. */
export const path = ({ folder }: ConfigPlace, what = 'a path') =>
  textValue(what, (raw) => (raw === '' || raw.includes('\0') ? refuse('is not a path') : resolve(folder, raw)));

const CREDENTIAL = /^credential:([A-Za-z0-9][A-Za-z0-9._-]{0,254})$/;

/**
 * Where a secret is, never the secret: the path of a file, or `credential:NAME` for one that systemd hands to the service.
 * The result is a path either way.
 */
export const secretReference = (place: ConfigPlace) =>
  textValue('the path of a file, or credential:NAME for a systemd credential', (raw) => {
    if (/-----BEGIN|[\r\n]/.test(raw)) return refuse('is the secret itself; only a reference may stand here');
    if (!raw.startsWith('credential:')) return raw === '' ? refuse('is empty') : resolve(place.folder, raw);
    const name = CREDENTIAL.exec(raw)?.[1];
    if (name === undefined) return refuse('is not the name of a credential');
    if (place.credentials === undefined)
      return refuse('names a systemd credential, but CREDENTIALS_DIRECTORY is not set');
    return join(place.credentials, name);
  });

const checkHttpsUrl = (raw: string): string => {
  const url = URL.parse(raw);
  if (!url) return refuse('is not a URL');
  if (url.protocol !== 'https:') return refuse('is not an https URL');
  if (url.username !== '' || url.password !== '') return refuse('holds a user or a password');
  return raw.includes('?') || raw.includes('#') ? refuse('holds a query or a fragment') : raw;
};

/** An https URL that other URLs are built on, as it was written. */
export const httpsUrl = () =>
  textValue('an https URL without query, fragment, user and last slash, like https://id.example.org', (raw) =>
    checkHttpsUrl(raw).endsWith('/') ? refuse('ends with a slash') : raw,
  );

/** The name of an issuer, as it was written; some end with a slash. */
export const issuerUrl = () =>
  textValue('an https URL without query, fragment and user, exactly as in `iss`', checkHttpsUrl);
