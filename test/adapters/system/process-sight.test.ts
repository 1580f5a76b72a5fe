import { readdirSync } from 'node:fs';
import { processSight, programSight } from '../../../src/adapters/system/process-sight.ts';

test('says what can be learnt of callers, and leaves nothing open', () => {
  processSight();
  const before = readdirSync('/proc/self/fd').length;
  const [held, namespaces, ...more] = processSight();
  const programs = programSight();
  expect(readdirSync('/proc/self/fd')).toHaveLength(before);
  expect(held).toMatchObject({ what: 'callers are held', ok: true });
  expect(held?.detail).toMatch(/^by (?:the process that the socket recorded|process id and start time)/);
  // Whoever may not look is told what that costs.
  expect(programs.detail).toMatch(programs.ok ? /^of all users/ : /no unix:path|hidepid/);
  expect(namespaces?.detail).toMatch(/of the machine|of its own/);
  expect(more).toEqual([]);
});
