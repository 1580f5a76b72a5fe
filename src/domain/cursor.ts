/** A place in the log. An index means nothing without its epoch. */
export interface Cursor {
  readonly epoch: number;
  readonly index: number;
}
