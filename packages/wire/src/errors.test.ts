import { describe, expect, it } from 'vitest';
import { ERRORS, statusOf, wireError, withLogId, type ErrorKey } from './errors.ts';

const rows = Object.entries(ERRORS) as [ErrorKey, (typeof ERRORS)[ErrorKey]][];

describe('the table', () => {
  it.each(rows)('%s has a code that the specification leaves to us or defines', (_key, { code, status, message }) => {
    const standard = code === -32_700 || (code <= -32_600 && code >= -32_603);
    const ofMcp = [-32_020, -32_021, -32_022, -32_002, -32_042].includes(code);
    const own = code <= -31_001 && code >= -31_005;
    expect(standard || ofMcp || own).toBe(true);
    expect(status === 200 || (status >= 400 && status < 600)).toBe(true);
    expect(message).toMatch(/^[A-Z].*\.$/);
  });

  it('has 404 for an unknown method in the stateless era alone', () => {
    expect([statusOf('method_not_found', 'stateless'), statusOf('method_not_found', 'session')]).toEqual([404, 200]);
    for (const [key, { status }] of rows.filter(([name]) => name !== 'method_not_found')) {
      expect([statusOf(key, 'stateless'), statusOf(key, 'session')]).toEqual([status, status]);
    }
  });

  it('has 400 for a missing envelope and 200 for bad parameters, under one code', () => {
    expect(ERRORS.invalid_envelope).toMatchObject({ code: -32_602, status: 400 });
    expect(ERRORS.invalid_params).toMatchObject({ code: -32_602, status: 200 });
  });
});

describe('wireError and withLogId', () => {
  it('carry the stable code, whatever the data says', () => {
    expect(wireError('parse')).toEqual({
      key: 'parse',
      error: { code: -32_700, message: ERRORS.parse.message, data: { code: 'parse' } },
    });
    expect(wireError('refused', 'No.', { code: 'x', rule: 'r' }).error).toEqual({
      code: -31_003,
      message: 'No.',
      data: { code: 'refused', rule: 'r' },
    });
  });

  it('add the id of the log line, and leave data that is no object alone', () => {
    const error = { code: 1, message: 'm' };
    expect(withLogId(error, 'L')).toEqual({ ...error, data: { id: 'L' } });
    expect(withLogId({ ...error, data: { a: 1, id: 'x' } }, 'L')).toEqual({ ...error, data: { a: 1, id: 'L' } });
    for (const data of ['text', [1], 5, null]) expect(withLogId({ ...error, data }, 'L')).toEqual({ ...error, data });
  });
});
