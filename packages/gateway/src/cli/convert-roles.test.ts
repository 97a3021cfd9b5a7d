import { describe, expect, it } from 'vitest';
import { convert, small } from '../config/testing/only1mcp-convert.ts';
import { holder, policyOf } from '../policy/testing/fixtures.ts';

describe('roles of a file of Only1MCP', () => {
  const file = small(
    [
      'authorization:',
      '  roles:',
      '    - { name: ops, permissions: ["tools:call"] }',
      '    - { name: developer, permissions: ["resources:read"] }',
      '    - { name: viewer, permissions: ["tools:list"] }',
    ].join('\n'),
  );

  it.each([
    ['ops', true, false],
    ['developer', false, true],
    ['viewer', false, false],
    ['admin', false, false],
    ['nobody', false, false],
  ])('%s may use what the file says, and nothing of what the name means to us', async (role, tools, resources) => {
    const { entry } = await convert(file);
    const policy = await policyOf(entry.policy?.rules ?? [], entry.policy);
    const principal = holder('x', role);
    const audience = policy.audienceOf(principal);
    expect(audience.maySee('tool', 'one', 'one__read', { readOnlyHint: true })).toBe(tools);
    expect(audience.maySee('resource', 'one', 'file:///a')).toBe(resources);
    const target = {
      kind: 'tool',
      server: 'one',
      canonicalId: 'one__read',
      annotations: { readOnlyHint: true },
    } as const;
    expect(await policy.decide({ principal, target, nowMs: 0 })).toMatchObject({ effect: tools ? 'allow' : 'deny' });
  });
});
