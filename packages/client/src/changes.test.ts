import { describe, expect, it } from 'vitest';
import { tasksAsked } from './changes.ts';

const CAPABILITIES = 'io.modelcontextprotocol/clientCapabilities';
const TASKS = 'io.modelcontextprotocol/tasks';
const WITH = { extensions: { [TASKS]: {} } };

describe('tasks that are listened to', () => {
  it('are asked for with the extension declared, beside what was declared before', () => {
    const meta = { other: 1, [CAPABILITIES]: { roots: {}, extensions: { 'vendor/x': {} } } };
    expect(tasksAsked(WITH, ['t1'], meta)).toEqual({
      filter: { taskIds: ['t1'] },
      meta: { other: 1, [CAPABILITIES]: { roots: {}, extensions: { 'vendor/x': {}, [TASKS]: {} } } },
    });
    expect(tasksAsked(WITH, ['t1'], undefined).meta).toEqual({ [CAPABILITIES]: { extensions: { [TASKS]: {} } } });
  });

  it.each([
    ['there are none', WITH, []],
    ['the server has no such extension', { extensions: {} }, ['t1']],
    ['the server has no extensions', {}, ['t1']],
  ])('are not named when %s: then nothing is declared either', (_name, capabilities, taskIds) => {
    const meta = { [CAPABILITIES]: {} };
    expect(tasksAsked(capabilities, taskIds, meta)).toEqual({ filter: {}, meta });
  });
});
