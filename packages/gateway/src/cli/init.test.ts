import { describe, expect, it } from 'vitest';
import { checkDraft, draftOf } from '../config/check-text.ts';
import type { ToolRecord } from '../wiring/status.ts';
import type { Reached } from './connection.ts';
import type { CliContext } from './context.ts';
import { prove } from './init-warm.ts';
import { TEMPLATES, templateText } from './init-templates.ts';

describe('templates of init', () => {
  it.each(TEMPLATES)('$value can be used as it is', async ({ value }) => {
    const text = templateText(value);
    const checked = checkDraft(await draftOf('x.yaml', text, 'yaml'), { env: {}, files: new Map() });
    expect([checked.problems, checked.warnings]).toEqual([[], []]);
    // Nobody but this machine's user is let in where nobody was given a role.
    const policy = checked.entry?.policy;
    expect(policy === undefined).toBe(value === 'solo');
  });
});

describe('the proving call of init', () => {
  it('is of no tool that may destroy something, whatever else it says of itself', async () => {
    const annotations = { readOnlyHint: true, destructiveHint: true };
    const tool = { name: 'a__rm', inputSchema: { type: 'object' }, annotations } as unknown as ToolRecord;
    const nothing = {} as CliContext & Reached;
    expect(await prove(nothing, { json: false } as never, nothing, [tool])).toEqual({ tool: undefined, failed: false });
  });
});
