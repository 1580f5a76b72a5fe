import { Admission } from '../../../src/adapters/http/admission.ts';
import { RequestCost } from '../../../src/adapters/http/request-cost.ts';

const busy = expect.objectContaining({ code: 'busy', retryAfter: 1 });

const fill = (admission: Admission, kind: Parameters<Admission['enter']>[0]): number => {
  let count = 0;
  while (admission.hasRoom(kind)) {
    admission.enter(kind);
    count += 1;
  }
  return count;
};

test('ordinary work is turned away first, renewals last, probes never', () => {
  const admission = new Admission({ most: 4, least: 1, backlogMs: 1 });
  expect(fill(admission, 'ordinary')).toBe(2);
  expect(() => admission.enter('ordinary')).toThrow(busy);
  expect(fill(admission, 'reserved')).toBe(1);
  expect(() => admission.enter('reserved')).toThrow(busy);
  expect(fill(admission, 'renewal')).toBe(1);
  expect(() => admission.enter('renewal')).toThrow(busy);
  admission.enter('always');
  expect(admission.inFlight).toBe(5);
});

test('a place that is given back is for whom it was', () => {
  const admission = new Admission({ most: 4, least: 1, backlogMs: 1 });
  fill(admission, 'renewal');
  admission.leave('renewal');
  expect([admission.hasRoom('ordinary'), admission.hasRoom('reserved'), admission.hasRoom('renewal')]).toEqual([
    false,
    false,
    true,
  ]);
  admission.leave('renewal');
  expect([admission.hasRoom('ordinary'), admission.hasRoom('reserved')]).toEqual([false, true]);
});

test('a few ordinary requests find room beside a fleet that takes all of it, and a flood of them does not', () => {
  const admission = new Admission({ most: 100, least: 1, backlogMs: 1 });
  expect(fill(admission, 'reserved')).toBe(60);
  expect(fill(admission, 'ordinary')).toBe(10);
  admission.leave('reserved');
  expect(admission.hasRoom('ordinary')).toBe(false);
  admission.leave('ordinary');
  expect(fill(admission, 'ordinary')).toBe(1);
  // The last tenth is for renewals alone.
  while (admission.inFlight < 90) admission.enter('renewal');
  admission.leave('ordinary');
  admission.enter('renewal');
  expect(admission.hasRoom('ordinary')).toBe(false);
  const flooded = new Admission({ most: 100, least: 1, backlogMs: 1 });
  expect(fill(flooded, 'ordinary')).toBe(45);
});

/** A loop of which every request takes as long as is said. */
const loop = () => {
  let busyMs = 0;
  const cost = new RequestCost(() => busyMs);
  return {
    cost,
    work: (requests: number, milliseconds: number): void => {
      for (let count = 0; count < requests; count += 1) {
        busyMs += milliseconds;
        cost.finished();
      }
    },
    pass: (milliseconds: number): void => {
      busyMs += milliseconds;
    },
  };
};

describe('what a request costs', () => {
  test('is learnt from the time that the loop was at work', () => {
    const { cost, work } = loop();
    work(1000, 4);
    expect(cost.milliseconds).toBeCloseTo(4);
    work(1000, 0.5);
    expect(cost.milliseconds).toBeCloseTo(0.5);
  });

  test('is not learnt from a few that were quick', () => {
    const { cost, work } = loop();
    const before = cost.milliseconds;
    work(16, 0.01);
    work(15, 100);
    expect(cost.milliseconds).toBe(before);
  });

  test('holds what was turned away, too', () => {
    const { cost, work, pass } = loop();
    for (let round = 0; round < 100; round += 1) {
      pass(32);
      work(16, 2);
    }
    expect(cost.milliseconds).toBeCloseTo(4);
  });
});

describe('room', () => {
  const options = { most: 1000, least: 10, backlogMs: 100 };

  test.each([
    [0.2, 500],
    [1, 100],
    [5, 20],
    // Never none, never without bound.
    [500, 10],
    [0.01, 1000],
  ])('at %s ms a request: %s', (milliseconds, room) => {
    const { cost, work } = loop();
    work(10_000, milliseconds);
    expect(fill(new Admission(options, cost), 'renewal')).toBe(room);
  });

  test('follows a machine that gets slower and faster', () => {
    const { cost, work } = loop();
    const admission = new Admission(options, cost);
    work(1000, 1);
    expect(admission.hasRoom('renewal')).toBe(true);
    fill(admission, 'renewal');
    expect(admission.inFlight).toBe(100);
    work(1000, 0.5);
    expect(admission.hasRoom('renewal')).toBe(true);
    work(1000, 2);
    expect(admission.hasRoom('renewal')).toBe(false);
  });
});
