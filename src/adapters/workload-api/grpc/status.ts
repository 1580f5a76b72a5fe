import { headerBlock } from '../http2/header-block.ts';

/** How calls end, by the numbers of gRPC; those that are used here. */
export const STATUS = {
  OK: 0,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
} as const;

/** How a call ends. */
export interface CallStatus {
  readonly code: number;
  readonly details: string;
}

/** Ends the call that it is thrown in. */
export class StatusError extends Error {
  readonly status: CallStatus;

  constructor(code: number, details: string) {
    super(details);
    this.name = 'StatusError';
    this.status = { code, details };
  }
}

/** Of a message as it is sent: some clients take no more than 8 KiB of headers. */
const MOST_MESSAGE_BYTES = 4096;
/** What a letter takes at most: three octets, each as three letters; those outside of the basic plane count as two. */
const MOST_BYTES_OF_LETTER = 9;

/** In front of all messages of an answer. */
export const RESPONSE_HEADERS = headerBlock({
  ':status': '200',
  'content-type': 'application/grpc',
  'grpc-accept-encoding': 'identity',
});

/** In percent-encoding, and cut behind a whole letter where it is too long. */
const messageOf = (details: string): string => {
  if (details.length * MOST_BYTES_OF_LETTER <= MOST_MESSAGE_BYTES) return encodeURI(details.toWellFormed());
  let message = '';
  for (const letter of details.slice(0, MOST_MESSAGE_BYTES).toWellFormed()) {
    const encoded = encodeURI(letter);
    if (message.length + encoded.length > MOST_MESSAGE_BYTES) break;
    message += encoded;
  }
  return message;
};

const statusFields = ({ code, details }: CallStatus): Readonly<Record<string, string>> => {
  const message = messageOf(details);
  return { 'grpc-status': String(code), ...(message !== '' && { 'grpc-message': message }) };
};

const OK_TRAILERS = headerBlock({ 'grpc-status': '0' });

/** Behind all messages of an answer. */
export const trailers = (status: CallStatus): Buffer =>
  status.code === STATUS.OK ? OK_TRAILERS : headerBlock(statusFields(status));

/** An answer that is nothing but a status. */
export const statusOnly = (status: CallStatus): Buffer =>
  headerBlock({
    ':status': '200',
    'content-type': 'application/grpc',
    'grpc-accept-encoding': 'identity',
    ...statusFields(status),
  });
