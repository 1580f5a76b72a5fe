import { join } from 'node:path';
import { configSchema } from './config-schema.ts';
import type { Config } from './config.ts';

export interface DevOptions {
  readonly trustDomain: string;
  readonly dataDir: string;
  /** Lies in the data folder unless that path is too long for a socket. */
  readonly adminSocket: string;
  /** 0: any that is free. */
  readonly port: number;
  readonly publicPort: number;
  readonly frontEnds: number;
}

/**
 * The configuration of `mayfly dev`: loopback only, everything in one folder, the seal key too (DEC-26 has this one
 * exception). Throws zod's error for a trust domain that is none.
 */
export const devConfig = ({ trustDomain, dataDir, adminSocket, port, publicPort, frontEnds }: DevOptions): Config => {
  const address = '127.0.0.1';
  return configSchema({ folder: dataDir }).parse({
    trustDomain,
    server: {
      dataDir,
      api: { address, port },
      public: { address, port: publicPort },
      admin: { socket: adminSocket },
      metrics: { address, port: 0 },
      frontEnds,
      sealKey: join(dataDir, 'seal.key'),
    },
  });
};
