/** A server that can issue, or says what only its operator can do about it. */
export interface RunningServer {
  readonly ready: {
    readonly trustDomain: string;
    /** `https://<address>:<port>`. */
    readonly api: string;
    readonly public: string;
    readonly adminSocket: string;
    readonly bundleFile: string;
    readonly dataDir: string;
  };
  /** What the operator has to do before it can issue (an offline root has to sign first); absent when it can. */
  readonly waitsFor?: string;
  /** Why it took no writes when it started (DEC-10, DEC-11); absent when it took them. */
  readonly readOnly?: string;
  /** Stops accepting, finishes what was accepted (2 s at most), closes. A second call gives the first one's promise. */
  stop(): Promise<void>;
  /** Resolves when the server cannot go on, for example after a failed fsync (DEC-8). It never rejects. */
  readonly fatal: Promise<Error>;
}
