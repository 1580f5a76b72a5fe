import { pino } from 'pino';
import type { DestinationStream, Level, Logger as Pino } from 'pino';
import type { LogFields, Logger } from '../../ports/logger.ts';

/** Members that could carry a secret if someone logged a whole object by mistake: a net under the rule, not the rule. */
const SECRET_MEMBERS = [
  'authorization',
  'cookie',
  'token',
  'access_token',
  'client_assertion',
  'client_secret',
  'assertion',
  'subject_token',
  'actor_token',
  'joinToken',
  'evidence',
  'password',
  'secret',
  'key',
  'privateKey',
  'blob',
  'body',
];
const REDACTED_PATHS = SECRET_MEMBERS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

const wrap = (target: Pino): Logger => ({
  debug: (message, fields: LogFields = {}) => target.debug(fields, message),
  info: (message, fields: LogFields = {}) => target.info(fields, message),
  warn: (message, fields: LogFields = {}) => target.warn(fields, message),
  error: (message, fields: LogFields = {}) => target.error(fields, message),
  with: (fields) => wrap(target.child(fields)),
});

/** JSON lines on stderr, since stdout belongs to results; written at once, so that a crash loses none. */
export const systemLogger = (level: Level = 'info', destination?: DestinationStream): Logger =>
  wrap(
    pino(
      {
        level,
        base: null,
        redact: { paths: REDACTED_PATHS, censor: '[redacted]' },
        timestamp: pino.stdTimeFunctions.isoTime,
      },
      destination ?? pino.destination({ dest: 2, sync: true }),
    ),
  );
