import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { receive } from '../../../src/adapters/http/receiving.ts';

const MOST = 1024;

const begin = () => {
  const request = new IncomingMessage(new Socket());
  return { request, received: receive(request) };
};

test('of too many bodies on their way the one that takes longest goes, and those that are there do not count', () => {
  const first = begin();
  const second = begin();
  const others = Array.from({ length: MOST - 2 }, begin);
  first.received();
  others.push(begin());
  expect([first, second, ...others].filter(({ request }) => request.destroyed)).toEqual([]);
  others.push(begin());
  expect([first, second, ...others].filter(({ request }) => request.destroyed)).toEqual([second]);
  for (const { received } of others) received();
  begin().received();
  expect(others.some(({ request }) => request.destroyed)).toBe(false);
});
