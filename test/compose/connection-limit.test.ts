import { connectionLimits } from '../../src/compose/connection-limit.ts';

test.each([
  ['all that is configured, where the system says nothing', 10_000, 4, undefined, [10_000, 10_000]],
  ['or has enough', 10_000, 4, 1_048_576, [10_000, 10_000]],
  ['a share of what there is, for each listener of each front end', 10_000, 2, 4096, [1440, 480]],
  ['what one listener does not need is for the other', 12_000, 1, 20_000, [12_000, 7744]],
  ['never more than configured', 100, 1, 4096, [100, 100]],
  ['a few, however little there is', 10_000, 8, 128, [16, 16]],
])('%s', (_name, configured, frontEnds, openFiles, [api, open]) =>
  expect(connectionLimits(configured, frontEnds, openFiles)).toEqual({ api, public: open }),
);
