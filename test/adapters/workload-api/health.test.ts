import { ServiceTable } from '../../../src/adapters/workload-api/grpc/service-table.ts';
import { OpenCalls } from '../../../src/adapters/workload-api/open-calls.ts';
import { addHealth } from '../../../src/adapters/workload-api/health.ts';

/** A watch of a service that keeps what it is told. */
const watching = (table: ServiceTable, service: string): readonly unknown[] => {
  const told: unknown[] = [];
  table.find('/grpc.health.v1.Health/Watch')?.handle({
    request: { service },
    write: ({ status }: { readonly status: string }) => told.push(status),
    on: () => undefined,
    emit: (_event: string, { code }: { readonly code: number }) => told.push(code),
  });
  return told;
};

describe('gRPC health (WLE-16)', () => {
  test('who watches what is served hears of each change, and of the end (WLE-18)', () => {
    const table = new ServiceTable();
    const calls = new OpenCalls();
    const setServing = addHealth(table, calls);
    setServing(false);
    const told = ['', 'SpiffeWorkloadAPI'].map((service) => watching(table, service));
    setServing(true);
    expect(told).toEqual([
      ['NOT_SERVING', 'SERVING'],
      ['NOT_SERVING', 'SERVING'],
    ]);
    calls.endAll();
    expect(told.map((each) => each.at(-1))).toEqual([14, 14]);
  });

  test('who watches anything else is told so, and not remembered', () => {
    const table = new ServiceTable();
    const setServing = addHealth(table, new OpenCalls());
    const told = watching(table, 'other');
    setServing(true);
    expect(told).toEqual(['SERVICE_UNKNOWN']);
  });

  test('names are short', () => {
    const table = new ServiceTable();
    addHealth(table, new OpenCalls());
    for (const method of ['Check', 'Watch', 'List'])
      expect(table.find(`/grpc.health.v1.Health/${method}`)?.mostBytes).toBe(4096);
  });
});
