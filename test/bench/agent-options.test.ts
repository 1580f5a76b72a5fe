import { readAgentOptions } from '../../scripts/bench/agent/options.ts';

describe('the command line of the agent’s bench', () => {
  test.each([[[]], [['agents']], [['--json', 'agent']]])('%j is for another part', (args) => {
    expect(readAgentOptions(args)).toBeUndefined();
  });

  test('has everything in it unless told', () => {
    expect(readAgentOptions(['agent'])).toMatchObject({
      json: false,
      identities: 100,
      streams: 1000,
      durationMs: 10_000,
      parts: ['start', 'calls', 'streams'],
      agentFlags: [],
    });
  });

  test('is shorter when it is to be quick, but for what is told', () => {
    const options = readAgentOptions(['agent', '--quick', '--streams', '7', '--only', 'streams']);
    expect(options).toMatchObject({ streams: 7, changes: 10, parts: ['streams'] });
  });

  test.each([
    [['--only', 'rest']],
    [['--streams', '0']],
    [['--streams', '1.5']],
    [['--seconds', '-1']],
    [['--repeat', 'often']],
    [['--agents', '1']],
  ])('%j is refused', (args) => {
    expect(() => readAgentOptions(['agent', ...args])).toThrow(/number|none of|option/);
  });
});
