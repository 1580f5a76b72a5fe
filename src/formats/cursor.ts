import type { Cursor } from '../domain/cursor.ts';
import { Refusal } from '../domain/refusal.ts';

/** What a cursor looks like as text, for schemas of requests; `parseCursor` takes what this matches. */
export const CURSOR_TEXT = /^(?<epoch>[0-9]{1,12})\.(?<index>[0-9]{1,15})$/;

/** `<epoch>.<index>` (DEC-35). */
export const formatCursor = ({ epoch, index }: Cursor): string => `${epoch}.${index}`;

/** Refuses with `invalid_request`, and names the field that the text came in. */
export const parseCursor = (text: string, field: string): Cursor => {
  const { epoch, index } = CURSOR_TEXT.exec(text)?.groups ?? {};
  if (epoch === undefined || index === undefined) {
    throw new Refusal('invalid_request', 'a cursor is written <epoch>.<index>', { field });
  }
  return { epoch: Number(epoch), index: Number(index) };
};
