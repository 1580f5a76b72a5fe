/** What one listener puts up with. Durations in milliseconds. */
export interface ServerLimits {
  readonly handshakeTimeout: number;
  /** From the first byte of a request, or the start of a connection, to the end of the headers. */
  readonly headersTimeout: number;
  /** To the end of the body. */
  readonly requestTimeout: number;
  readonly keepAliveTimeout: number;
  /** A connection on which nothing moves in either direction. */
  readonly idleTimeout: number;
  /** How often the timeouts are looked at. */
  readonly checkInterval: number;
  readonly maxHeaderBytes: number;
  readonly maxHeaders: number;
  /** Beyond it the connection that is missed least goes. */
  readonly maxConnections: number;
  /** Requests that one connection may send without reading an answer. */
  readonly maxPipelined: number;
  /** Octets of the headers of those of them that wait behind the first. */
  readonly maxPipelinedBytes: number;
  /** TLS handshakes begun in one turn of the event loop; others wait for the next ones. */
  readonly handshakesPerTurn: number;
  /** How long a graceful close waits for what was accepted (DEC-37). */
  readonly closeTimeout: number;
}

export const DEFAULT_SERVER_LIMITS: ServerLimits = {
  handshakeTimeout: 10_000,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 65_000,
  idleTimeout: 120_000,
  checkInterval: 1_000,
  maxHeaderBytes: 16 * 1024,
  maxHeaders: 100,
  maxConnections: 10_000,
  maxPipelined: 16,
  maxPipelinedBytes: 64 * 1024,
  handshakesPerTurn: 8,
  closeTimeout: 1_800,
};
