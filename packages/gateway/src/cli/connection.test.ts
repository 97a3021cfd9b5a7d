import { UpstreamError } from '@sallyport/client';
import { describe, expect, it } from 'vitest';
import { asCliError } from './connection.ts';
import { exitCodeOf } from './exit.ts';

const answered = (code: number, data?: unknown, status?: number): UpstreamError =>
  new UpstreamError('protocol', 'detail', {
    ...(status !== undefined && { status }),
    cause: { code, message: 'It says\u001b[2J no', ...(data !== undefined && { data }) },
  });

describe('what a failure means for the shell', () => {
  it.each([
    [answered(-31003), 4],
    [answered(-31005, { url: 'https://login.example.com' }), 4],
    [answered(-32042), 4],
    [answered(-32600, undefined, 401), 4],
    [answered(-32600, undefined, 403), 4],
    [new UpstreamError('unauthorized', 'x', { status: 401 }), 4],
    [answered(-31001), 5],
    [answered(-31002), 5],
    [new UpstreamError('down', 'x'), 5],
    [new UpstreamError('timeout', 'x'), 5],
    [Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), 5],
    [answered(-32602), 1],
    [answered(-31004, undefined, 429), 1],
    [new Error('x'), 1],
  ])('of %j is %i', (error, code) => {
    expect(exitCodeOf(asCliError(error))).toBe(code);
  });

  it('is told with the addresses to open, foreign text made safe', () => {
    const elicitations = [{ mode: 'url', url: 'https://a.example.com/\u001b[2J' }, 'x', { url: 7 }];
    expect((asCliError(answered(-32042, { elicitations })) as Error).message).toBe(
      'It says\ufffd[2J no (-32042)\nopen https://a.example.com/\ufffd[2J',
    );
    expect((asCliError(answered(-31005, { url: 'https://b.example.com' })) as Error).message).toMatch(
      /open https:\/\/b/,
    );
  });
});
