import { textProblem } from './problems.ts';

/** How many selectors an entry may have. */
export const MAX_SELECTORS = 64;

const MAX_SELECTOR_BYTES = 1024;
const TYPE = /^[a-z0-9][a-z0-9_.-]{0,63}$/;

/** Says what is wrong with a selector `type:value`, or nothing. The value may hold colons of its own. */
export const selectorProblem = (selector: string): string | undefined => {
  const colon = selector.indexOf(':');
  if (colon < 1) return 'a selector is written type:value';
  if (!TYPE.test(selector.slice(0, colon))) return 'the type of a selector holds only a-z, 0-9, ".", "-" and "_"';
  const problem = textProblem(selector, MAX_SELECTOR_BYTES);
  if (problem !== undefined) return `a selector ${problem}`;
  return colon === selector.length - 1 ? 'the value of a selector is empty' : undefined;
};
