import { ServiceTable } from '../../../../src/adapters/workload-api/grpc/service-table.ts';

const definition = (name: string, requestStream = false, responseStream = false) => {
  const octets = (value: unknown): Buffer => Buffer.from(String(value));
  const text = (value: Buffer): string => value.toString();
  return {
    [name]: {
      path: `/a.B/${name}`,
      originalName: name.toLowerCase(),
      requestStream,
      responseStream,
      requestSerialize: octets,
      requestDeserialize: text,
      responseSerialize: octets,
      responseDeserialize: text,
    },
  };
};
const handler = (): void => undefined;

describe('what is served', () => {
  test('is found by its whole path', () => {
    const table = new ServiceTable();
    table.addService(definition('Get'), { Get: handler });
    expect(table.find('/a.B/Get')).toMatchObject({ kind: 'unary', mostBytes: 1024 * 1024, handle: handler });
    for (const path of ['', '/', '/a.B', '/a.B/', '/a.B/get', 'a.B/Get', '/a.B/Get/', '__proto__'])
      expect(table.find(path)).toBeUndefined();
  });

  test('may be handled under either of its names, and may have requests of another size', () => {
    const table = new ServiceTable();
    table.addService(definition('Get'), { get: handler }, 100);
    expect(table.find('/a.B/Get')).toMatchObject({ mostBytes: 100 });
  });

  test('leaves out what has no handler (WLE-5)', () => {
    const table = new ServiceTable();
    table.addService({ ...definition('Get'), ...definition('Put') }, { Put: handler });
    expect([table.find('/a.B/Get'), table.find('/a.B/Put')?.kind]).toEqual([undefined, 'unary']);
  });

  test.each([
    [false, true, 'serverStream'],
    [true, true, 'bothStreams'],
  ])('streams of requests %p, of answers %p', (requests, answers, kind) => {
    const table = new ServiceTable();
    table.addService(definition('Get', requests, answers), { Get: handler });
    expect(table.find('/a.B/Get')?.kind).toBe(kind);
  });

  test('never only reads a stream', () => {
    expect(() => new ServiceTable().addService(definition('Put', true, false), { Put: handler })).toThrow('not served');
  });

  test('is added once, when somebody asks for it first', () => {
    const table = new ServiceTable();
    let added = 0;
    table.addLater('/a.', () => {
      added += 1;
      table.addService(definition('Get'), { Get: handler });
    });
    expect([table.find('/b.C/Get'), added]).toEqual([undefined, 0]);
    expect([table.find('/a.B/Get')?.kind, added]).toEqual(['unary', 1]);
    expect([table.find('/a.B/Put'), added]).toEqual([undefined, 1]);
  });
});
