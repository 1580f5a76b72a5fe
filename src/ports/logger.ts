/** What goes beside the text of a log line. Never a secret, token, key, body or evidence. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Lines for operators. Callers never read them. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same logger with `fields` on every line. */
  with(fields: LogFields): Logger;
}
