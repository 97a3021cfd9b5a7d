import { describe, expect, it } from 'vitest';
import { checkConfig } from './check.ts';
import { rateText } from './schema-limits.ts';

describe('limits', () => {
  it.each([
    [{ rate: { perPrincipal: 'off' } }, { rate: {}, quota: {} }],
    [
      { rate: { perTool: '5/s' } },
      { rate: { perPrincipal: { count: 1_000, periodMs: 60_000 }, perTool: { count: 5, periodMs: 1_000 } } },
    ],
    [
      { rate: { perPrincipal: '1/h', perServer: '2/d', perSession: '3/m', global: '999999999/s' } },
      {
        rate: {
          perPrincipal: { count: 1, periodMs: 3_600_000 },
          perServer: { count: 2, periodMs: 86_400_000 },
          perSession: { count: 3, periodMs: 60_000 },
          global: { count: 999_999_999, periodMs: 1_000 },
        },
      },
    ],
    [{ quota: { day: 5, month: '100' } }, { quota: { day: 5, month: 100 } }],
    [
      { serverConcurrency: 1, serverQueue: 0, streams: 2, subscriptions: 3 },
      { serverConcurrency: 1, serverQueue: 0, streams: 2, subscriptions: 3 },
    ],
  ])('reads %j', (limits, expected) => {
    const { entry, findings } = checkConfig({ limits });
    expect(findings).toEqual([]);
    expect({ ...entry?.limits, ...expected }).toEqual(entry?.limits);
  });

  it.each([
    [{ rate: { perPrincipal: '0/m' } }, /^limits\.rate\.perPrincipal: expected a rate such as "1000\/m"/],
    [{ rate: { perPrincipal: '1000' } }, /expected a rate/],
    [{ rate: { perPrincipal: '10/w' } }, /expected a rate/],
    [{ rate: { perPrincipal: 10 } }, /expected a rate/],
    [{ rate: { perPrincipal: '9999999999/m' } }, /expected a rate/],
    [{ rate: { perPrincipal: '${X}/m' } }, /expected a rate/],
    [{ rate: { perPerson: '1/m' } }, /perPerson: unknown key/],
    [{ quota: { day: 0 } }, /^limits\.quota\.day: expected a whole number of at least 1/],
    [{ serverConcurrency: 0 }, /at least 1/],
    [{ serverQueue: -1 }, /at least 0/],
    [{ streams: 0 }, /at least 1/],
    [{ subscriptions: 'x' }, /a whole number/],
  ])('refuses %j', (limits, expected) => {
    const { entry, findings } = checkConfig({ limits });
    expect(entry).toBeUndefined();
    expect(findings.map(({ path, message }) => `${path.join('.')}: ${message}`)).toEqual([
      expect.stringMatching(expected),
    ]);
  });

  it.each(['1/s', '1000/m', '7/h', '2/d', 'off'])('writes %s as it was', (written) => {
    const { entry } = checkConfig({ limits: { rate: { global: written } } });
    expect(rateText(entry?.limits.rate.global)).toBe(written);
  });
});
