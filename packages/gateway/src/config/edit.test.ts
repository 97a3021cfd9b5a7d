import * as fc from 'fast-check';
import { parse as parseToml } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { checkDraft, draftOf } from './check-text.ts';
import { editConfig, type PlainServer } from './edit.ts';

const npx: PlainServer = { command: 'npx', args: ['-y', '${HOME}/$x'] };
const jsonFile = `{
    // all of them
    "mcpServers": {
        "one": { "command": "a" }, // first
        /* off */ "two": { "command": "b", "disabled": true, }
    },
    "strict": true
}
`;
const yamlFile = `# head
mcpServers:
    one: { command: a } # first

    # the second
    two:
        command: b
        disabled: true
strict: true # tail
`;

describe('editConfig', () => {
  it('adds to JSON and keeps everything else', async () => {
    const after = editConfig(jsonFile, 'json', { kind: 'add', name: 'three', server: npx });
    for (const comment of ['// all of them', '// first', '/* off */']) expect(after).toContain(comment);
    expect(after).toContain('        "three": {\n            "command": "npx",');
    const checked = checkDraft(await draftOf('f', after, 'json'), { env: {}, files: new Map() });
    expect(checked.problems).toEqual([]);
    expect(checked.entry?.mcpServers['three']).toMatchObject({ command: 'npx', args: ['-y', '${HOME}/$x'] });
  });

  it('adds to YAML and keeps everything else', () => {
    const after = editConfig(yamlFile, 'yaml', { kind: 'add', name: 'three', server: npx });
    expect(
      after.startsWith('# head\nmcpServers:\n    one: { command: a } # first\n\n    # the second\n    two:\n'),
    ).toBe(true);
    expect(after).toContain('    three:\n        command: npx\n');
    expect(after).toContain('strict: true # tail\n');
  });

  it('turns servers off and on, also those that another program turned off', async () => {
    for (const [format, file] of [
      ['json', jsonFile],
      ['yaml', yamlFile],
    ] as const) {
      const enabled = async (text: string): Promise<unknown> => {
        const { entry } = checkDraft(await draftOf('f', text, format), { env: {}, files: new Map() });
        return [entry?.mcpServers['one']?.enabled, entry?.mcpServers['two']?.enabled];
      };
      expect(await enabled(file)).toEqual([true, false]);
      const on = editConfig(file, format, { kind: 'enable', name: 'two' });
      expect(await enabled(on)).toEqual([true, true]);
      const off = editConfig(on, format, { kind: 'disable', name: 'one' });
      expect(await enabled(off)).toEqual([false, true]);
      expect(await enabled(editConfig(off, format, { kind: 'enable', name: 'one' }))).toEqual([true, true]);
      expect(off).toContain('first');
    }
  });

  it('changes nothing when there is nothing to change', () => {
    expect(editConfig(jsonFile, 'json', { kind: 'enable', name: 'one' })).toBe(jsonFile);
  });

  it('removes, and keeps the comments of the others', async () => {
    expect(editConfig(yamlFile, 'yaml', { kind: 'remove', name: 'two' })).toBe(
      '# head\nmcpServers:\n    one: { command: a } # first\nstrict: true # tail\n',
    );
    const json = editConfig(jsonFile, 'json', { kind: 'remove', name: 'two' });
    expect(json).toContain('// first');
    expect((await draftOf('f', json, 'json')).order).toEqual(['one']);
  });

  it('leaves lines alone that YAML would write in another way', () => {
    const odd = 'mcpServers:\n  a: {command:   \'x\', args: ["1",2  ]}   # odd\n  b:\n     command:  y\n# end\n';
    const add = { kind: 'add', name: 'c', server: { url: 'https://x/' } } as const;
    expect(editConfig(odd, 'yaml', add)).toBe(odd.replace('# end\n', '  c:\n    url: https://x/\n# end\n'));
    expect(editConfig(odd, 'yaml', { kind: 'disable', name: 'b' })).toContain(
      '  a: {command:   \'x\', args: ["1",2  ]}   # odd\n',
    );
    const crlf = '# a\r\nmcpServers:\r\n  a: {command: x}\r\n';
    expect(editConfig(crlf, 'yaml', { kind: 'disable', name: 'a' })).toContain('enabled: false');
  });

  describe('allow', () => {
    const allow = (key: 'network' | 'read' | 'write', value: string, name = 'a') =>
      ({ kind: 'allow', key, value, name }) as const;
    const sandboxOf = async (text: string, format: 'json' | 'yaml'): Promise<unknown> => {
      const { entry, problems } = checkDraft(await draftOf('f', text, format), { env: {}, files: new Map() });
      expect(problems).toEqual([]);
      return entry?.mcpServers['a']?.sandbox;
    };
    const files = {
      json: (sandbox: string) =>
        `{ "mcpServers": {\n  // one\n  "a": { "command": "x"${sandbox && `, "sandbox": ${sandbox}`} } // end\n} }`,
      yaml: (sandbox: string) =>
        `# one\nmcpServers:\n  a:\n    command: x\n${sandbox && `    sandbox: ${sandbox} # end\n`}`,
    };
    it.each([
      ['a path to nothing', '', allow('read', '/data'), { read: ['/data'], write: [] }],
      ['a path to a level', '"strict"', allow('write', '/data'), { level: 'strict', read: [], write: ['/data'] }],
      [
        'a host to a level',
        '"strict"',
        allow('network', 'h.test'),
        { level: 'strict', network: ['h.test'], read: [], write: [] },
      ],
      [
        'a host to a list',
        '{ "network": ["a.test"] }',
        allow('network', 'b.test'),
        { network: ['a.test', 'b.test'], read: [], write: [] },
      ],
      [
        'a host to no host',
        '{ "network": [] }',
        allow('network', 'b.test'),
        { network: ['b.test'], read: [], write: [] },
      ],
      [
        'a path with a dollar',
        '{ "level": "strict" }',
        allow('read', '/${A}/$b'),
        { level: 'strict', read: ['/${A}/$b'], write: [] },
      ],
    ])('adds %s', async (_what, sandbox, edit, expected) => {
      for (const format of ['json', 'yaml'] as const) {
        const after = editConfig(files[format](sandbox), format, edit);
        expect(await sandboxOf(after, format)).toEqual(expected);
        expect(after).toContain('one');
        expect(after).toContain(format === 'json' ? '// end' : 'command: x');
        expect(editConfig(after, format, edit)).toBe(after);
      }
    });

    it('keeps the comments in a list', () => {
      const json = files.json('{ "network": [\n    "a.test", // why\n    "b.test"\n  ] }');
      expect(editConfig(json, 'json', allow('network', 'c.test'))).toMatch(
        /"a\.test", \/\/ why\s+"b\.test",\s+"c\.test"/,
      );
      const yaml =
        'mcpServers:\n  a:\n    command: x\n    sandbox:\n      network:\n        - a.test # why\n        - b.test\nstrict: true # tail\n';
      expect(editConfig(yaml, 'yaml', allow('network', 'c.test'))).toBe(
        yaml.replace('- b.test\n', '- b.test\n        - c.test\n'),
      );
    });

    it.each([
      ['', allow('network', 'h.test'), /may reach every public host as it is/],
      ['"limited"', allow('network', 'h.test'), /may reach every public host as it is/],
      ['"none"', allow('read', '/data'), /sees every file of its user: the level `none`/],
      ['{ "read": "/data" }', allow('read', '/other'), /`sandbox.read` of `a` is no list/],
      ['', allow('read', '/data', 'b'), /there is no server `b`/],
    ])('refuses what would allow nothing: %s', (sandbox, edit, expected) => {
      for (const format of ['json', 'yaml'] as const) {
        expect(() => editConfig(files[format](sandbox), format, edit)).toThrow(expected);
      }
    });

    it('refuses a remote server, and says what to paste into TOML', () => {
      expect(() => editConfig('{"mcpServers":{"a":{"url":"https://x/"}}}', 'json', allow('read', '/d'))).toThrow(
        /reached by a URL/,
      );
      expect(() => editConfig('', 'toml', allow('network', 'h.test'))).toThrow(
        'put this into `sandbox` of [mcpServers.a]:\n\nnetwork = ["h.test"]',
      );
    });
  });

  it('starts from an empty object, an empty YAML file and another root', () => {
    const add = { kind: 'add', name: 'a', server: { url: 'https://x/' } } as const;
    expect(JSON.parse(editConfig('{}', 'json', add))).toEqual({ mcpServers: { a: { url: 'https://x/' } } });
    expect(editConfig('', 'yaml', add)).toBe('mcpServers:\n  a:\n    url: https://x/\n');
    expect(editConfig('mcpServers: {}\n', 'yaml', add)).toBe('mcpServers:\n  a:\n    url: https://x/\n');
    expect(editConfig('# only\nstrict: true\n', 'yaml', add)).toBe(
      '# only\nstrict: true\nmcpServers:\n  a:\n    url: https://x/\n',
    );
    expect(JSON.parse(editConfig('{"servers":{}}', 'json', add))).toEqual({ servers: { a: { url: 'https://x/' } } });
  });

  it('puts any text in so that it comes out the same', async () => {
    const text = fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\u0000') && value.isWellFormed());
    await fc.assert(
      fc.asyncProperty(text, fc.constantFrom('json', 'yaml'), fc.boolean(), async (argument, format, dollars) => {
        const args = [dollars ? `\${${argument}}$$` : argument];
        const after = editConfig('', format === 'json' ? 'json' : 'yaml', {
          kind: 'add',
          name: 'a',
          server: { command: 'x', args },
        });
        const { entry, problems } = checkDraft(await draftOf('f', after, format === 'json' ? 'json' : 'yaml'), {
          env: {},
          files: new Map(),
        });
        expect([problems, entry?.mcpServers['a']?.args]).toEqual([[], args]);
      }),
    );
  });

  it.each([
    ['json', jsonFile, { kind: 'add', name: 'ONE', server: npx }, /there is a server `one` already/],
    ['yaml', yamlFile, { kind: 'add', name: '../x', server: npx }, /is no name for a server/],
    ['json', jsonFile, { kind: 'remove', name: 'too' }, /no server `too` in the file — did you mean `two`/],
    ['yaml', yamlFile, { kind: 'disable', name: 'constructor' }, /no server `constructor`/],
  ] as const)('refuses in %s', (format, file, edit, expected) => {
    expect(() => editConfig(file, format, edit)).toThrow(expected);
  });

  it('never rewrites TOML, but says what to paste', () => {
    const edit = {
      kind: 'add',
      name: 'a',
      server: { command: 'x', args: ['"\u007f${A}'], env: { 'B C': 'd' } },
    } as const;
    const refusal = (): unknown => {
      try {
        return editConfig('', 'toml', edit);
      } catch (error) {
        return error;
      }
    };
    const [before, pasted = ''] = String(refusal()).split('paste this:');
    expect(before).toMatch(/^ConfigError: TOML files are not rewritten; $/);
    expect(parseToml(pasted)).toEqual({
      mcpServers: { a: { command: 'x', args: ['"\u007f$${A}'], env: { 'B C': 'd' } } },
    });
  });
});
