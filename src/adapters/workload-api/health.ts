import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import type { CallStatus } from './grpc/status.ts';
import type { ServiceTable } from './grpc/service-table.ts';
import type { OpenCalls } from './open-calls.ts';
import { CLOSING } from './status.ts';
import { WORKLOAD_SERVICE } from './workload-definition.ts';

/** A watch, as far as it is looked at here. */
interface Watch {
  readonly request: { readonly service: string };
  write(answer: { readonly status: string }): unknown;
  emit(event: 'error', status: CallStatus): unknown;
  on(event: 'cancelled', listener: () => void): unknown;
}

const SERVED = ['', WORKLOAD_SERVICE];
/** Names of services are short. */
const MOST_REQUEST_BYTES = 4096;

/**
 * Whoever watches what is not served here, is told so, and never anything else. The library would remember the name for good,
 * for anybody who asks.
 */
const ofServed =
  (watch: (call: Watch) => void, calls: OpenCalls) =>
  (call: Watch): void => {
    call.on(
      'cancelled',
      calls.add(() => call.emit('error', CLOSING)),
    );
    if (SERVED.includes(call.request.service)) watch(call);
    else call.write({ status: 'SERVICE_UNKNOWN' });
  };

/** Adds gRPC health (WLE-16). The function returned says what is told of everything, and of the Workload API. */
export const addHealth = (table: ServiceTable, calls: OpenCalls): ((isServing: boolean) => void) => {
  const health = new HealthImplementation();
  const addService = (definition: ServiceDefinition, implementation: UntypedServiceImplementation): void => {
    const { watch } = implementation;
    const served = { ...implementation, watch: ofServed(watch as never, calls) as never };
    table.addService(definition, served, MOST_REQUEST_BYTES);
  };
  // The library wants a server of grpc-js, and does nothing but add its service to it.
  health.addToServer({ addService });
  return (isServing) => {
    for (const name of SERVED) health.setStatus(name, isServing ? 'SERVING' : 'NOT_SERVING');
  };
};
