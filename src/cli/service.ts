import { notifyServiceManager } from '../adapters/system/service-manager.ts';
import type { ServiceState } from '../adapters/system/service-manager.ts';
import type { Output } from './output.ts';
import type { Terminal } from './terminal.ts';

/** Who started the server as a service and wants to hear how it is (`Type=notify`); nobody otherwise. */
export interface Service {
  /** It serves its operator from here on, and its callers unless the status says what is missing. */
  ready(): void;
  /** What the newest probe found; also the sign of life for a watchdog. */
  health(reasons: readonly string[]): void;
  stopping(): void;
}

/** The service manager that the environment names. That it cannot be told is said once, and stops nothing. */
export const serviceOf = ({ environment }: Terminal, output: Output): Service => {
  let socket = environment['NOTIFY_SOCKET'];
  const tell = (state: ServiceState): void => {
    if (socket === undefined || socket === '') return;
    try {
      notifyServiceManager(socket, state);
    } catch (error) {
      socket = undefined;
      output.note((error as Error).message);
    }
  };
  return {
    ready: () => tell({ READY: '1' }),
    health: (reasons) =>
      tell({ WATCHDOG: '1', STATUS: reasons.length === 0 ? 'ready' : `not ready: ${reasons.join('; ')}` }),
    stopping: () => tell({ STOPPING: '1', STATUS: 'stopping' }),
  };
};
