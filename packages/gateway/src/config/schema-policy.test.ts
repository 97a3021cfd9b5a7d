import { describe, expect, it } from 'vitest';
import { checkConfig } from './check.ts';

const world = { mcpServers: { files: { command: 'x' } }, views: { reading: {} } };

describe('policy', () => {
  it('is absent unless it is written', () => {
    expect(checkConfig({}).entry).not.toHaveProperty('policy');
  });

  it.each([
    [{}, { default: 'deny', roles: {}, rules: [] }],
    [
      { roles: { dev: { groups: ['eng'], claims: { tier: 1, team: ['a', 'b'], vip: true } } } },
      { roles: { dev: { keys: [], groups: ['eng'], claims: { tier: [1], team: ['a', 'b'], vip: [true] } } } },
    ],
    [
      { default: 'allow', rules: [{ effect: 'deny', tools: ['files__write_*'], when: 'true', reason: 'read only' }] },
      { default: 'allow', rules: [{ effect: 'deny', tools: ['files__write_*'], when: 'true', reason: 'read only' }] },
    ],
    [
      {
        rules: [
          { effect: 'allow', roles: ['viewer', 'developer', 'admin'], servers: ['files', 'f*'], views: ['reading'] },
        ],
      },
      {
        rules: [
          { effect: 'allow', roles: ['viewer', 'developer', 'admin'], servers: ['files', 'f*'], views: ['reading'] },
        ],
      },
    ],
    [
      { rules: [{ effect: 'ask', principals: ['mtls#*'], resources: ['file:///*'], prompts: ['*'], scopes: ['w'] }] },
      { rules: [{ effect: 'ask', principals: ['mtls#*'], resources: ['file:///*'], prompts: ['*'], scopes: ['w'] }] },
    ],
    [
      { external: { url: 'http://opa:8181/v1/data/mcp', headers: { Authorization: 'Bearer x' } } },
      { external: { url: 'http://opa:8181/v1/data/mcp', timeoutMs: 1_000, headers: { Authorization: 'Bearer x' } } },
    ],
  ])('reads %j', (policy, expected) => {
    const { entry, findings } = checkConfig({ ...world, policy });
    expect(findings).toEqual([]);
    // Exactly: a rule has no keys but those that were written.
    expect({ ...entry?.policy, ...expected }).toStrictEqual(entry?.policy);
  });

  it.each([
    [{ default: 'maybe' }, 'default: expected `deny` or `allow`'],
    [{ rules: {} }, 'rules: expected a list of rules'],
    [{ rules: [{ effect: 'alow' }] }, 'rules.0.effect: expected `allow`, `deny` or `ask` — did you mean `allow`?'],
    [{ rules: [{ effect: 'deny', tool: ['x'] }] }, 'rules.0.tool: unknown key — did you mean `tools`?'],
    [
      { rules: [{ effect: 'deny', tools: [] }] },
      'rules.0.tools: expected a list of globs over tools, such as ["files__*"], with at least one entry',
    ],
    [{ rules: [{ effect: 'deny', tools: [''] }] }, 'rules.0.tools.0: expected text that is not empty'],
    [
      { roles: { dev: {} }, rules: [{ effect: 'allow', roles: ['dve'] }] },
      'rules.0.roles.0: there is no such role — did you mean `dev`?',
    ],
    [
      { rules: [{ effect: 'allow', roles: ['viewr'] }] },
      'rules.0.roles.0: there is no such role — did you mean `viewer`?',
    ],
    [
      { rules: [{ effect: 'allow', roles: ['accounting'] }] },
      'rules.0.roles.0: there is no such role; declare it in `policy.roles`',
    ],
    [
      { rules: [{ effect: 'deny', servers: ['flies'] }] },
      'rules.0.servers.0: there is no such server — did you mean `files`?',
    ],
    [
      { rules: [{ effect: 'deny', views: ['readin'] }] },
      'rules.0.views.0: there is no such view — did you mean `reading`?',
    ],
    [
      { roles: { dev: { claims: { a: {} } } } },
      'roles.dev.claims.a: expected a value or a list of values: text, numbers, true or false',
    ],
    [{ roles: { dev: { claims: { a: [] } } } }, 'roles.dev.claims.a: expected at least one value'],
    [{ external: { url: 'opa:8181' } }, 'external.url: expected an http or https URL without credentials and fragment'],
    [
      { external: { url: 'https://u:p@opa/' } },
      'external.url: expected an http or https URL without credentials and fragment',
    ],
    [{ external: {} }, 'external.url: expected text, not nothing'],
  ])('refuses %j', (policy, expected) => {
    const { entry, findings } = checkConfig({ ...world, policy });
    expect(entry).toBeUndefined();
    expect(findings.map(({ path, message }) => `${path.join('.')}: ${message}`)).toEqual([`policy.${expected}`]);
  });
});
