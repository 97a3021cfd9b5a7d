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
