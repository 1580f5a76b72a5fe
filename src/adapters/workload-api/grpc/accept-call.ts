import { headerBlock } from '../http2/header-block.ts';
import type { RequestHead } from '../http2/request-head.ts';
import type { ServerStream, StreamSink } from '../http2/server-stream.ts';
import { type CallContext, ServerCall } from './server-call.ts';
import type { ServiceTable } from './service-table.ts';
import { STATUS, statusOnly } from './status.ts';

const GRPC = /^application\/grpc(?:[+;]|$)/;
const METHOD_NOT_ALLOWED = headerBlock({ ':status': '405' });
const UNSUPPORTED_MEDIA_TYPE = headerBlock({ ':status': '415' });
const UNIMPLEMENTED = statusOnly({ code: STATUS.UNIMPLEMENTED, details: 'the method is not offered' });

const DEAF: StreamSink = { data: () => undefined, end: () => undefined, gone: () => undefined };

const refused = (stream: ServerStream, answer: Buffer): StreamSink => {
  stream.end(answer);
  return DEAF;
};

/** Takes a request of HTTP/2 as a call of a method; what is none is answered at once. */
export const acceptCall = <Peer>(
  table: ServiceTable,
  context: CallContext<Peer>,
  stream: ServerStream,
  head: RequestHead,
): StreamSink => {
  if (head.method !== 'POST') return refused(stream, METHOD_NOT_ALLOWED);
  const [contentType = ''] = head.get('content-type');
  if (!GRPC.test(contentType)) return refused(stream, UNSUPPORTED_MEDIA_TYPE);
  const method = table.find(head.path);
  if (method === undefined) return refused(stream, UNIMPLEMENTED);
  return new ServerCall(stream, head, method, context).sink;
};
