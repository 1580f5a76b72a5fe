import { type AgentSighting, PresenceBoard } from '../../src/usecases/agent-presence.ts';
import { id } from '../support/administration.ts';

const A = id('/mayfly/agent/x509pop/a');
const B = id('/mayfly/agent/x509pop/b');

const seen = (changes: Partial<AgentSighting> = {}): AgentSighting => ({
  agent: A,
  stream: 1,
  since: 100,
  seen: 200,
  acknowledged: 7,
  ...changes,
});

test('an agent that nobody saw is not known', () => {
  const board = new PresenceBoard();
  expect(board.of([A])).toEqual([]);
  expect(board.connected()).toEqual([]);
});

test('the newest of several connections counts', () => {
  const board = new PresenceBoard();
  board.report(0, [seen({ since: 100, acknowledged: 9 })]);
  board.report(1, [seen({ since: 150, acknowledged: 4, behindSince: 160 })]);
  expect(board.of([A])).toEqual([{ agent: A, since: 150, seen: 200, acknowledged: 4, behindSince: 160 }]);
  expect(board.count()).toEqual({ connected: 1, lagging: 1 });
});

test('streams of two front ends may have the same number', () => {
  const board = new PresenceBoard();
  board.report(0, [seen()]);
  board.report(1, [seen()]);
  board.report(0, [seen({ gone: true })]);
  expect(board.connected()).toHaveLength(1);
});

test('who has gone is remembered with what they confirmed', () => {
  const board = new PresenceBoard();
  board.report(0, [seen(), seen({ agent: B, acknowledged: 3 })]);
  board.report(0, [seen({ gone: true, acknowledged: 8, seen: 300 })]);
  expect(board.of([A])).toEqual([{ agent: A, seen: 300, acknowledged: 8 }]);
  expect(board.connected().map(({ agent }) => agent)).toEqual([B]);
});

test('only so many that have gone are remembered, the longest gone first forgotten', () => {
  const board = new PresenceBoard();
  const many = Array.from({ length: 20_001 }, (_, at) => id(`/mayfly/agent/x509pop/n-${at}`));
  board.report(0, [seen(), ...many.map((agent) => seen({ agent, gone: true }))]);
  expect(board.of([A, ...many])).toHaveLength(20_001);
  expect(board.of(many.slice(0, 1))).toEqual([]);
});
