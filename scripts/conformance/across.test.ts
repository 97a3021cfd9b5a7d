/** A scenario must not be left out because somebody once wrote so, and the server must really lack the era. */
import { describe, expect, it } from 'vitest';
import { serveHttp } from '../../test/everything/http.ts';
import type { HttpOptions } from '../../test/everything/http.ts';
import { createState } from '../../test/everything/state.ts';
import { leaveOut, requireOnly } from './across.ts';
import type { Outcome } from './suite.ts';

const line = { scenario: 'asks', check: 'has-key', reason: 'There is no key.' };

const outcome = (scenario: string, failures: readonly string[], passed = false): Outcome => ({
  scenario,
  passed,
  failures,
  remarks: [],
});

describe('scenarios that cannot pass across the eras', () => {
  it('are left out when the check of the table is what fails', () => {
    const other = outcome('calls', ['is-called']);
    expect(leaveOut([line], [outcome('asks', ['has-key']), other])).toEqual({ scored: [other], leftOut: [line] });
  });

  it.each([
    ['another check fails', outcome('asks', ['has-key', 'is-answered'])],
    ['no check fails and none succeeds', outcome('asks', [])],
  ])('are failures when %s', (_case, failed) => {
    expect(leaveOut([line], [failed])).toEqual({ scored: [failed], leftOut: [] });
  });

  it.each([
    ['passes', [outcome('asks', [], true)]],
    ['is none of the suite', []],
  ])('are errors of the table when one of it %s', (_case, outcomes) => {
    const { scored, leftOut } = leaveOut([line], outcomes);
    expect(leftOut).toEqual([]);
    expect(scored).toMatchObject([
      { scenario: 'asks', passed: false, remarks: [expect.stringContaining('remove it')] },
    ]);
  });
});

describe('a server of one era', () => {
  const asked = async (eras: HttpOptions['eras'], era: 'session' | 'stateless'): Promise<string> => {
    const server = await serveHttp(createState(), { name: 'everything', eras, port: 0 });
    try {
      return await requireOnly(era, server.url).then(
        () => 'that alone',
        (error: Error) => error.message.replace(server.url, 'URL'),
      );
    } finally {
      await server.close();
    }
  };

  it('speaks it and nothing else', async () => {
    expect(await asked('session', 'session')).toBe('that alone');
    expect(await asked('stateless', 'stateless')).toBe('that alone');
  });

  it('is not one that speaks both, or the other', async () => {
    expect(await asked('both', 'session')).toBe('the server at URL speaks the stateless era too');
    expect(await asked('both', 'stateless')).toBe('the server at URL speaks the session era too');
    expect(await asked('session', 'stateless')).toBe('the server at URL does not speak the stateless era');
  });
});
