import { assert, oneof, property, string, webUrl } from 'fast-check';
import { grpcTarget } from '../../src/workload/address.ts';
import { WorkloadError } from '../../src/workload/errors.ts';

const codeOf = (address: string | undefined): string => {
  try {
    return grpcTarget(address);
  } catch (error) {
    return error instanceof WorkloadError ? error.code : String(error);
  }
};

// WLE-9, WLE-10
describe('the address of a Workload API', () => {
  test.each([
    ['unix:///run/agent.sock', 'unix:/run/agent.sock'],
    ['unix:/run/agent.sock', 'unix:/run/agent.sock'],
    ['UNIX:///run/agent.sock', 'unix:/run/agent.sock'],
    ['tcp://127.0.0.1:8081', 'ipv4:127.0.0.1:8081'],
    ['tcp://[::1]:8081', 'ipv6:[::1]:8081'],
  ])('%s', (address, target) => {
    expect(grpcTarget(address)).toBe(target);
  });

  test.each([
    '/run/agent.sock',
    'unix:run/agent.sock',
    'unix://run/agent.sock',
    'unix://host/run/agent.sock',
    'unix:',
    'unix://',
    'unix:///run/agent.sock?x',
    'unix:///run/agent.sock#x',
    'unix:///run/agent%2esock',
    'tcp://localhost:8081',
    'tcp://127.0.0.1',
    'tcp://127.0.0.1:0',
    'tcp://127.0.0.1:65536',
    'tcp://127.0.0.1:8081/',
    'tcp://user@127.0.0.1:8081',
    'tcp://1.2.3:8081',
    'tcp://[zz]:8081',
    'tcp:127.0.0.1:8081',
    'http://127.0.0.1:8081',
    ' unix:///run/agent.sock',
  ])('refuses %s', (address) => {
    expect(codeOf(address)).toBe('invalid_address');
  });

  test.each([undefined, ''])('says that there is none: %s', (address) => {
    expect(codeOf(address)).toBe('no_address');
  });

  test('whatever is written there, the answer is a target or a refusal', () => {
    assert(
      property(
        oneof(
          string(),
          webUrl(),
          string().map((text) => `unix:${text}`),
        ),
        (text) => {
          expect(codeOf(text)).toMatch(/^(?:unix:\/|ipv4:|ipv6:\[|invalid_address$|no_address$)/);
        },
      ),
    );
  });
});
