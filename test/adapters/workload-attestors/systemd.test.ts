import { controlGroupsIn } from '../../../src/adapters/workload-attestors/control-groups.ts';
import { systemdAttestor, systemdSelectors } from '../../../src/adapters/workload-attestors/systemd.ts';
import { heldProcess } from '../../support/workload-processes.ts';

const selectors = (text: string): readonly string[] => systemdSelectors(controlGroupsIn(text));
const DOCKER = `docker-${'ab'.repeat(32)}.scope`;

test.each([
  ['a service', '0::/system.slice/nginx.service\n', ['unit:nginx.service', 'slice:system.slice']],
  [
    'an instance in a slice of its own',
    '0::/system.slice/system-postgresql.slice/postgresql@15-main.service\n',
    ['unit:postgresql@15-main.service', 'slice:system-postgresql.slice'],
  ],
  [
    'an escaped name',
    String.raw`0::/system.slice/system-a\x2db.slice/a\x2db@1.service`,
    [String.raw`unit:a\x2db@1.service`, String.raw`slice:system-a\x2db.slice`],
  ],
  [
    'a name that the kernel would take for its own',
    '0::/system.slice/_cpu.service',
    ['unit:cpu.service', 'slice:system.slice'],
  ],
  ['a scope at the root', '0::/init.scope', ['unit:init.scope', 'slice:-.slice']],
  ['a session', '0::/user.slice/user-1000.slice/session-3.scope', ['unit:session-3.scope', 'slice:user-1000.slice']],
  [
    'version 1 beside other controllers',
    '12:cpuset:/\n4:memory:/system.slice/other.service\n1:name=systemd:/system.slice/nginx.service\n0::/system.slice/third.service\n',
    ['unit:nginx.service', 'slice:system.slice'],
  ],
  [
    'a container is in the unit that its engine asked for',
    `0::/system.slice/${DOCKER}`,
    [`unit:${DOCKER}`, 'slice:system.slice'],
  ],
  [
    'a unit of a user’s own manager',
    '0::/user.slice/user-1000.slice/user@1000.service/app.slice/sync.service',
    ['unit:user@1000.service', 'slice:user-1000.slice', 'user_unit:sync.service'],
  ],
  [
    'a group that a service made below its own',
    '0::/system.slice/ci.service/job-1',
    ['unit:ci.service', 'slice:system.slice'],
  ],
])('%s', (_name, text, expected) => {
  expect(selectors(text)).toEqual(expected.map((selector) => `systemd:${selector}`));
});

test.each([
  [
    'a user who makes a group with the name of a service',
    '0::/user.slice/user-1000.slice/user@1000.service/nginx.service',
  ],
  ['and slices around it', '0::/user.slice/user-1000.slice/user@1000.service/system.slice/nginx.service'],
  ['a service that is given a subtree', '0::/system.slice/ci.service/system.slice/nginx.service'],
  ['a container with a service manager inside', `0::/system.slice/${DOCKER}/system.slice/nginx.service`],
  ['a machine with one', '0::/machine.slice/systemd-nspawn@web.service/payload/system.slice/nginx.service'],
])('%s does not become that service', (_name, text) => {
  const found = selectors(text);
  expect(found).not.toContain('systemd:unit:nginx.service');
  expect(found.length).toBeGreaterThan(0);
});

test('only a manager of a user speaks of user units', () => {
  expect(selectors('0::/system.slice/ci.service/app.slice/sync.service')).not.toContain(
    'systemd:user_unit:sync.service',
  );
  expect(selectors('0::/system.slice/user@x.service/app.slice/sync.service')).not.toContain(
    'systemd:user_unit:sync.service',
  );
});

test.each([
  ['the root', '0::/'],
  ['no line at all', ''],
  ['a slice alone', '0::/system.slice'],
  ['no slice and no unit', '0::/docker/abc'],
  ['groups of a cluster', '0::/kubepods/besteffort/poda/b'],
  ['another namespace than the agent’s', '0::/../system.slice/nginx.service'],
  ['a group that is gone', '0::/system.slice/nginx.service (deleted)'],
  ['a unit of another type', '0::/system.slice/home.mount'],
  ['a name with a blank', '0::/system.slice/ng inx.service'],
  ['a name with a comma', '0::/a,b.slice/nginx.service'],
  ['nothing but the ending', '0::/system.slice/.service'],
  ['only controllers that systemd does not keep', '4:memory:/system.slice/nginx.service'],
])('%s tells of no unit', (_name, text) => {
  expect(selectors(text)).toEqual([]);
});

test.each([['no line of cgroups'], ['0:/system.slice'], ['x::/system.slice/a.service'], ['0::system.slice/a.service']])(
  'what is no list of control groups is an error: %s',
  (text) => {
    expect(() => controlGroupsIn(text)).toThrow('unknown form');
  },
);

test('a list without end is an error', () => {
  expect(() => controlGroupsIn('0::/a\n'.repeat(100_000))).toThrow('too many');
});

test('a colon belongs to the name', () => {
  expect(controlGroupsIn('0::/a:b/c:/d')).toEqual([{ controllers: '', path: ['a:b', 'c:', 'd'] }]);
});

test('the groups of a real process are read', async () => {
  const found = await systemdAttestor().attest(heldProcess(), new AbortController().signal);
  expect(found.every((selector) => selector.startsWith('systemd:'))).toBe(true);
});

test('a process that is gone is an error', async () => {
  const attest = systemdAttestor().attest(heldProcess({ pid: 2 ** 22 + 1 }), new AbortController().signal);
  await expect(attest).rejects.toThrow('ENOENT');
});
