import { createRequire } from 'node:module';
import type { ServerDuplexStream, ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import type { ServiceTable } from './grpc/service-table.ts';
import type { OpenCalls } from './open-calls.ts';
import { CLOSING } from './status.ts';

interface Request {
  readonly fileContainingSymbol?: string;
}

interface Response {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
}

type Stream = ServerDuplexStream<Request, Response>;
type Handler = (stream: Pick<Stream, 'on' | 'write' | 'end'>) => void;

const METHOD = 'ServerReflectionInfo';
/** What is asked for comes back in the answer, which may wait long for its client. */
const MOST_REQUEST_BYTES = 4096;
/** In front of the names of both versions. */
const PREFIX = '/grpc.reflection.';

/** The library is some MiB, and brings all of grpc-js with it: few agents are ever asked. */
const loadLibrary = (): typeof import('@grpc/reflection') =>
  createRequire(import.meta.url)('@grpc/reflection') as typeof import('@grpc/reflection');

const withoutPeriod = (name: string): string => (name.startsWith('.') ? name.slice(1) : name);

/**
 * gRPC server reflection, v1 and v1alpha (WLE-16). The library knows what has no package under a name with a leading
 * period, which no client asks for: the Workload API has none. Names are put right on the way in and out.
 */
export const addReflection = (table: ServiceTable, known: PackageDefinition, calls: OpenCalls): void => {
  const withPeriod = (symbol: string): string => {
    const [first = ''] = symbol.split('.');
    return Object.hasOwn(known, first) ? `.${symbol}` : symbol;
  };

  const named =
    (handler: Handler) =>
    (stream: Stream): void => {
      const on = (event: string, listener: (...values: readonly unknown[]) => void): Stream =>
        stream.on(event, (message: Request = {}) => {
          const { fileContainingSymbol: symbol } = message;
          listener(symbol === undefined ? message : { ...message, fileContainingSymbol: withPeriod(symbol) });
        });
      const write = (response: Response): boolean => {
        const { listServicesResponse: listed } = response;
        if (listed === undefined) return stream.write(response);
        const service = listed.service.map(({ name }) => ({ name: withoutPeriod(name) }));
        return stream.write({ ...response, listServicesResponse: { service } });
      };
      const forget = calls.add(() => stream.emit('error', CLOSING));
      stream.on('cancelled', forget);
      const end = (): Stream => {
        forget();
        return stream.end();
      };
      handler({ on, write, end } as Pick<Stream, 'on' | 'write' | 'end'>);
    };

  const addService = (definition: ServiceDefinition, implementation: UntypedServiceImplementation): void =>
    table.addService(definition, { [METHOD]: named(implementation[METHOD] as Handler) as never }, MOST_REQUEST_BYTES);
  table.addLater(PREFIX, () => {
    const { ReflectionService } = loadLibrary();
    new ReflectionService(known).addToServer({ addService });
  });
};
