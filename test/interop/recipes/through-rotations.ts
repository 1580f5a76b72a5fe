import { equal, ok } from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { check } from '../servers/report.ts';

/** A connection that is used all the time. */
export interface Held {
  /** Rejects when it is not answered any more. */
  use(): Promise<void>;
  end(): void;
}

export interface Trial {
  readonly name: string;
  /** One new connection and what one does with it; the serial that the server showed. */
  readonly once: () => Promise<string>;
  readonly hold: () => Promise<Held>;
}

const ROTATIONS = 3;
const LIMIT_MS = 60_000;
const EVERY_MS = 200;

export const serialOf = (socket: TLSSocket): string => socket.getPeerX509Certificate()?.serialNumber ?? '';

/** Every new connection works and the one that was there goes on, while the server changes its certificate again and again. */
export const throughRotations = ({ name, once, hold }: Trial): Promise<void> =>
  check(`${name}: ${ROTATIONS} rotations with connections open`, async () => {
    const held = await hold();
    const serials = new Set<string>();
    const end = Date.now() + LIMIT_MS;
    let connections = 0;
    try {
      while (serials.size <= ROTATIONS && Date.now() < end) {
        serials.add(await once());
        connections += 1;
        await held.use();
        await pause(EVERY_MS);
      }
    } finally {
      held.end();
    }
    equal(serials.has(''), false);
    ok(serials.size > ROTATIONS, `only ${serials.size} certificates were seen in ${connections} connections`);
  });
