import { durationText, rateText, sizeText } from '@sallyport/server/limits';
import { describe, expect, it } from 'vitest';
import { describeLimits, type DescribedLimits } from './describe.ts';

const LIMITS: DescribedLimits = {
  bodyBytes: 4_194_304,
  headerBytes: 16_384,
  depth: 64,
  batch: 50,
  upstreamMessageBytes: 16_777_216,
  headerTimeoutMs: 10_000,
  bodyTimeoutMs: 500,
  sessions: 1000,
  connections: 256,
  failedAuthentications: 60,
  streams: 32,
  subscriptions: 1000,
  concurrency: 64,
  serverConcurrency: 128,
  serverQueue: 256,
  rate: {},
  quota: {},
};

describe('the limits in words', () => {
  it('are one line for each sort', () => {
    const rate = { global: { count: 10_000, periodMs: 60_000 }, perPrincipal: { count: 1000, periodMs: 60_000 } };
    expect(describeLimits({ limits: { ...LIMITS, rate, quota: { day: 5000, month: 100_000 } } })).toEqual([
      'Messages: body 4 MiB, headers 16 KiB, 64 levels deep, 50 in a batch; 16 MiB from a server',
      'Arrival: headers within 10 s, body within 500 ms',
      'Calls over time: 1,000/min a client (none for the local key on this machine), 10,000/min in all',
      'Quota of a client (UTC): 5,000 a day, 100,000 a month',
      'Calls at a time: 64 of a client, 128 at a server and 256 waiting for it',
      'Open: 1,000 sessions in all, 256 connections an address, 32 streams and 1,000 subscriptions a client',
      'Failed authentications: 60/min an address',
    ]);
  });

  it('say where there is none', () => {
    const lines = describeLimits({ limits: LIMITS });
    expect([lines[2], lines[3]]).toEqual(['Calls over time: no limit', 'Quota of a client (UTC): none']);
  });

  it('have the units that people use', () => {
    expect([0, 20, 1000, 90_000, 60_000, 7_199_000, 7_200_000, 26_000_000, 200_000_000].map(durationText)).toEqual([
      '0 ms',
      '20 ms',
      '1 s',
      '90 s',
      '1 min',
      '7,199 s',
      '2 h',
      '8 h',
      '3 d',
    ]);
    const periods = [1000, 60_000, 3_600_000, 86_400_000, 5000];
    expect(periods.map((periodMs) => rateText({ count: 1000, periodMs }))).toEqual([
      '1,000/s',
      '1,000/min',
      '1,000/h',
      '1,000/d',
      '1,000 in 5 s',
    ]);
    expect([0, 1500, 1024, 1_572_864, 3_221_225_472].map(sizeText)).toEqual([
      '0 B',
      '1,500 B',
      '1 KiB',
      '1,536 KiB',
      '3 GiB',
    ]);
  });
});
