import type { Page } from '../ports/views.ts';

/** Resolves once everything else that waits has had its turn. */
export type StandAside = () => Promise<void>;

/** How many records are worked on in a row: a few milliseconds for entries. */
const SLICE = 32;

/** Works on many records in slices, so that a front end answers other callers in between. */
export const inSlices = async <T>(
  items: Iterable<T>,
  standAside: StandAside,
  work: (item: T, at: number) => void,
): Promise<void> => {
  let at = 0;
  for (const item of items) {
    if (at > 0 && at % SLICE === 0) await standAside();
    work(item, at);
    at += 1;
  }
};

/** As `inSlices`, and collects the results. */
export const mapInSlices = async <T, R>(
  items: Iterable<T>,
  standAside: StandAside,
  work: (item: T) => R,
): Promise<R[]> => {
  const made: R[] = [];
  await inSlices(items, standAside, (item) => void made.push(work(item)));
  return made;
};

/** Groups of `size` items, the last one smaller. Takes no more from `items` than the groups that were asked for hold. */
export const pagesOf = function* <T>(items: Iterable<T>, size: number): Generator<readonly T[]> {
  let page: T[] = [];
  for (const item of items) {
    page.push(item);
    if (page.length < size) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
};

/** A list from `after` on, page after page; each page is read when it is asked for. `keyOf` is what the list is ordered by. */
export const readPages = function* <T>(
  read: (page: Page) => readonly T[],
  keyOf: (row: T) => string,
  { limit, after: start }: Page,
): Generator<readonly T[]> {
  let after = start;
  for (;;) {
    const rows = read({ limit, ...(after !== undefined && { after }) });
    yield rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < limit) return;
    after = keyOf(last);
  }
};

/** As `readPages`, row by row. */
export const readAll = function* <T>(
  read: (page: Page) => readonly T[],
  keyOf: (row: T) => string,
  page: Page,
): Generator<T> {
  for (const rows of readPages(read, keyOf, page)) yield* rows;
};
