import { Health } from '../../src/compose/readiness.ts';
import { testClock } from '../support/ledger.ts';

// DEC-34
describe('what a thread says of its readiness', () => {
  test('is that it starts, and no age of a probe, until it was told', () => {
    expect(new Health(testClock()).readiness()).toEqual({ reasons: ['starting'] });
  });

  test('keeps the reasons while no probe ever passed', () => {
    const health = new Health(testClock());
    health.tell({ reasons: ['cannot sign'] });
    expect(health.readiness()).toEqual({ reasons: ['cannot sign'] });
    health.tell({ reasons: [] });
    expect(health.readiness()).toEqual({ reasons: [] });
  });

  test.each([
    [0, 0],
    [49, 0],
    [50, 0.1],
    [12_340, 12.3],
    [30_049, 30],
    [30_050, 30.1],
    [3_600_000, 3600],
  ])('counts on while nobody tells it anything: %d ms are %d s', (ms, seconds) => {
    const clock = testClock();
    const health = new Health(clock);
    health.tell({ reasons: [], probedAt: clock.monotonic() });
    clock.advance(ms);
    expect(health.readiness()).toEqual({ reasons: [], probeAge: seconds });
  });

  test('follows the monotonic clock, whatever the wall clock does', () => {
    const health = new Health({ monotonic: () => 5000 });
    health.tell({ reasons: ['the clock jumped'], probedAt: 2000 });
    expect(health.readiness()).toEqual({ reasons: ['the clock jumped'], probeAge: 3 });
  });

  test('names what is to be done in time, and nothing where nothing is', () => {
    const health = new Health({ monotonic: () => 5000 });
    health.tell({ reasons: [], warnings: ['sign'], probedAt: 5000 });
    expect(health.readiness()).toEqual({ reasons: [], warnings: ['sign'], probeAge: 0 });
    health.tell({ reasons: [], warnings: [], probedAt: 5000 });
    expect(health.readiness()).toEqual({ reasons: [], probeAge: 0 });
  });

  test('is only what it was told last', () => {
    const health = new Health({ monotonic: () => 5000 });
    health.tell({ reasons: [], probedAt: 2000 });
    const last = { reasons: ['stopping'] };
    health.tell(last);
    expect(health.report).toBe(last);
    expect(health.readiness()).toEqual({ reasons: ['stopping'] });
  });
});
