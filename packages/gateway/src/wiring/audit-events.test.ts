import { describe, expect, it } from 'vitest';
import { callerRecords, endedEvent, outageEvent, recordedLaunch } from './audit-events.ts';

const ended = (cause: unknown): unknown => endedEvent('files', new Error('It ended.', { cause })).facts;

describe('a server that went away', () => {
  it.each([
    [{ code: null, signal: 'SIGSEGV' }, { signal: 'SIGSEGV' }],
    // What a cage or a shell passes on.
    [
      { code: 137, signal: null },
      { code: 137, signal: 'SIGKILL' },
    ],
    [
      { code: 159, signal: null },
      { code: 159, signal: 'SIGSYS' },
    ],
    [{ code: 1, signal: null }, { code: 1 }],
    [undefined, undefined],
    ['text', undefined],
  ])('is recorded with how: %j', (cause, facts) => {
    expect(ended(cause)).toEqual(facts);
  });

  it('is an error, and that it answers again is none', () => {
    expect(endedEvent('files', undefined)).toMatchObject({ action: 'server.end', decision: 'error', server: 'files' });
    expect(outageEvent('files', 'begins')).toMatchObject({ action: 'server.break', decision: 'error' });
    expect(outageEvent('files', 'ends')).toMatchObject({ action: 'server.recover', decision: 'allow' });
  });
});

describe('recordedLaunch', () => {
  it('records what was started, and what cages it, once it is prepared', async () => {
    const events: unknown[] = [];
    const later = Promise.withResolvers<string>();
    const child = { command: '/no/such/program', args: ['s3cret'], cwd: '/', env: {} };
    const prepared = { ...child, release: () => Promise.resolve() };
    let sandbox: string | undefined;
    const launch = recordedLaunch(
      () => {
        sandbox = 'strict: in a container of podman (here:1)';
        return Promise.resolve(prepared);
      },
      {
        server: 'one',
        principal: undefined,
        programs: { of: async () => ({ later: later.promise }) },
        sandbox: () => sandbox,
        record: (event) => events.push(event),
      },
    );
    expect(await launch(child)).toBe(prepared);
    const facts = { command: '/no/such/program', sandbox: 'strict: in a container of podman (here:1)' };
    expect(events).toEqual([expect.objectContaining({ action: 'server.start', server: 'one', facts })]);
    later.resolve('abc');
    await later.promise;
    const program = { command: '/no/such/program', executableHash: 'abc' };
    expect(events[1]).toMatchObject({ action: 'server.program', server: 'one', facts: program });
  });
});

describe('those who knock', () => {
  it('are one record a minute, and whoever has to know hears of each when it happens', () => {
    let nowMs = 0;
    const [records, heard]: [unknown[], unknown[]] = [[], []];
    const audit = {
      record: ({ address, facts }: { address?: string | undefined; facts?: unknown }) =>
        void records.push([address, facts]),
      noticed: ({ address }: { address?: string | undefined }) => void heard.push(address),
    };
    const callers = callerRecords(audit, () => nowMs);
    for (let at = 0; at < 20; at++) callers.refused('unauthenticated', '203.0.113.9');
    expect(records).toEqual([['203.0.113.9', undefined]]);
    expect(heard).toHaveLength(19);
    nowMs = 60_000;
    callers.refused('unauthenticated', '203.0.113.9');
    expect(records[1]).toEqual(['203.0.113.9', { count: 20 }]);
    expect(heard).toHaveLength(20);
  });
});
