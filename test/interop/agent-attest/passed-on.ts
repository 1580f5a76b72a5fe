import { once } from 'node:events';
import { call, check, hold, Listening, refusalOf, verdict } from './harness.ts';

/** SO_PEERCRED names who connected, not who holds the socket: whoever has it by other ways is that process, or nobody. */
export const passedOn = async (): Promise<void> => {
  const listening = await new Listening().listen();

  const given = await call(listening, [], ['passes']);
  const held = hold(given.socket);
  await given.caller.does('pass');
  check(
    'a socket that was passed on (SCM_RIGHTS) means who connected',
    held.isSame() && held.pid === given.caller.child.pid,
  );
  await given.caller.end();
  check('and nobody once that one ended, though another holds the socket', !held.isSame());
  check('who gets nothing', (await verdict(held)) === 'unauthenticated');
  check('nor is anybody found anew', refusalOf(given.socket)?.includes('gone') === true, refusalOf(given.socket));
  held.close();

  const inherited = await call(listening);
  const parent = hold(inherited.socket);
  const ended = once(inherited.caller.child, 'exit');
  await inherited.caller.does('leave');
  await ended;
  check('a child that inherited the socket is not its parent', !parent.isSame());
  check('nor held in its place', refusalOf(inherited.socket)?.includes('gone') === true, refusalOf(inherited.socket));
  parent.close();
  listening.close();
};
