const WIDTH = 40;

const clock = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(11, 19);

/** `10 min`, `1 h`, `90 s`. */
export const lengthText = (seconds: number): string => {
  if (seconds % 3600 === 0) return `${seconds / 3600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
};

const column = (at: number, from: number, until: number): number =>
  Math.min(WIDTH - 1, Math.max(0, Math.round(((at - from) / (until - from)) * (WIDTH - 1))));

/**
 * The life of a credential on one line: `●` is now, `◆` the moment by which a client renews (half of its life). All in Unix
 * seconds.
 */
export const timeline = (from: number, until: number, now: number): string => {
  const bar = Array.from({ length: WIDTH }, () => '─');
  bar[column((from + until) / 2, from, until)] = '◆';
  bar[column(now, from, until)] = '●';
  return `${clock(from)} ├${bar.join('')}┤ ${clock(until)} UTC`;
};

export const LEGEND = '● now   ◆ half of its life: time to renew';
