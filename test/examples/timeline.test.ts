import { lengthText, timeline } from '../../examples/quickstart/timeline.ts';

describe('the timeline of a credential', () => {
  test.each([
    [0, '00:00:00 ├●───────────────────◆───────────────────┤ 00:10:00 UTC'],
    [600, '00:00:00 ├────────────────────◆──────────────────●┤ 00:10:00 UTC'],
    [-50, '00:00:00 ├●───────────────────◆───────────────────┤ 00:10:00 UTC'],
    [9999, '00:00:00 ├────────────────────◆──────────────────●┤ 00:10:00 UTC'],
  ])('at %i s', (now, line) => {
    expect(timeline(0, 600, now)).toBe(line);
  });

  test.each([
    [3600, '1 h'],
    [600, '10 min'],
    [90, '90 s'],
    [5400, '90 min'],
  ])('%i seconds in words', (seconds, words) => {
    expect(lengthText(seconds)).toBe(words);
  });
});
