import type { ServerOptions as Http2Options } from 'node:http2';
import { logVerbosity, Server, setLogVerbosity } from '@grpc/grpc-js';

/** The first request of Envoy is 61 KiB; nothing that workloads send comes near this. */
const MAX_REQUEST_BYTES = 1024 * 1024;
const MAX_STREAMS_PER_CONNECTION = 128;
/**
 * Streams that a client may take back, at once and a second. The runtime gives 1,000 and 33: a workload that fetches
 * once, again and again, would lose its connection every thousand calls. Each of them costs as much as a call, so calls
 * are what is to be limited.
 */
const STREAM_RESETS = { streamResetBurst: 100_000, streamResetRate: 100_000 };

/**
 * A gRPC server for connections that are handed to it. `grpc-timeout` is kept to; its own log stays silent, since it
 * tells of what clients do wrong on the standard error.
 */
export const createGrpcServer = (): Server => {
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server({
    'grpc.enable_channelz': 0,
    'grpc.max_concurrent_streams': MAX_STREAMS_PER_CONNECTION,
    'grpc.max_receive_message_length': MAX_REQUEST_BYTES,
    'grpc.max_send_message_length': -1,
  });
  // The library has no option for it, and hands this object to the runtime as it is.
  const http2Options = Reflect.get(server, 'commonServerOptions') as Http2Options;
  Object.assign(http2Options, STREAM_RESETS);
  return server;
};
