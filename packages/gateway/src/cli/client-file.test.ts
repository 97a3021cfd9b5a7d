import * as fc from 'fast-check';
import { parse } from 'jsonc-parser';
import { describe, expect, it } from 'vitest';
import { AI_CLIENTS, type Entry, type Machine, type Place } from '../clients/index.ts';
import { withEntry } from './client-file.ts';

const AT: Machine = { platform: 'linux', home: '/home/me', project: '/home/me/work', env: {} };
const PLACES = AI_CLIENTS.flatMap((client) =>
  client
    .places(AT)
    .slice(0, 1)
    .map((place) => ({ id: client.id, place })),
);

const placeOf = (id: string): Place => {
  const found = PLACES.find((one) => one.id === id);
  if (found === undefined) throw new Error(id);
  return found.place;
};

const entryOf = ({ dialect }: Place): Entry =>
  dialect.http?.({ url: 'http://127.0.0.1:7420/mcp', authorization: 'Bearer sp_x' }) ??
  dialect.stdio('/n', ['a b', '"']);

describe('Sallyport in a file', () => {
  it.each(PLACES)('of $id, new, again and taken out', ({ place }) => {
    const entry = entryOf(place);
    const made = withEntry(undefined, place, 'sallyport', entry);
    expect(made).toContain('sallyport');
    expect(withEntry(made, place, 'sallyport', entry)).toBe(made);
    expect(withEntry(made, place, 'sallyport', undefined)).not.toContain('127.0.0.1');
  });

  it.each([
    ['{ "mcpServers": { "a": { "command": "x", "args": ["1", "2"] } } }'],
    ['{\n\t// mine\n\t"mcpServers": {\n\t\t"a": { "command": "x" }, // its comment\n\t\t/* and one more */\n\t},\n}\n'],
    ['{\r\n    "other": [1, 2],\r\n    "mcpServers": { }\r\n}\r\n'],
    ['{"mcpServers":{"a":{"command":"x"} // end\n}}'],
    ['// only a comment\n{\n}\n'],
  ])('leaves every other byte of %j', (text) => {
    const place = placeOf('cursor');
    const put = withEntry(text, place, 'sallyport', entryOf(place));
    for (const comment of text.match(/\/\/.*|\/\*.*\*\//g) ?? []) expect(put).toContain(comment);
    expect(put).toContain(text.match(/"a":.*?"x"/)?.[0] ?? '{');
    // Lines end as they did.
    expect(put.replaceAll('\r\n', '').includes('\n')).toBe(!text.includes('\r\n'));
    const without = withEntry(put, place, 'sallyport', undefined);
    for (const comment of text.match(/\/\/.*|\/\*.*\*\//g) ?? []) expect(without).toContain(comment);
    const before = parse(text, [], { allowTrailingComma: true }) as object;
    expect(parse(without, [], { allowTrailingComma: true })).toEqual({ mcpServers: {}, ...before });
  });

  it('puts and takes out what JSON can hold', () => {
    const place = placeOf('cursor');
    const key = fc.string({ maxLength: 6 }).filter((one) => one !== 'sallyport' && one !== '__proto__');
    const servers = fc.dictionary(key, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4, noNullPrototype: true });
    const rest = fc.dictionary(
      key.filter((one) => one !== 'mcpServers'),
      fc.jsonValue({ maxDepth: 2 }),
      { maxKeys: 3, noNullPrototype: true },
    );
    fc.assert(
      fc.property(servers, rest, fc.constantFrom(undefined, 2, '\t'), (inner, outer, indent) => {
        const value = JSON.parse(JSON.stringify({ ...outer, mcpServers: inner })) as Record<string, unknown>;
        const text = JSON.stringify(value, null, indent);
        const put = withEntry(text, place, 'sallyport', entryOf(place));
        expect(JSON.parse(put)).toEqual({
          ...value,
          mcpServers: { ...(value['mcpServers'] as object), sallyport: entryOf(place) },
        });
        expect(JSON.parse(withEntry(put, place, 'sallyport', undefined))).toEqual(value);
      }),
    );
  });

  it('keeps TOML that it does not know, and lines that only look like tables', () => {
    const place = placeOf('codex');
    const text = '# top\nmodel = "x"\nwhen = 2026-01-01\n\n[mcp_servers.a]\ncommand = "a"\n\n# of b\n[b]\nc = 1\n';
    const put = withEntry(text, place, 'sallyport', entryOf(place));
    expect(put.startsWith(text)).toBe(true);
    const moved = `${put}\n[mcp_servers.sallyport.tools.x]\napproval_mode = "approve"\n\n# last\n[z]\ny = 1\n`;
    expect(withEntry(moved, place, 'sallyport', undefined)).toBe(`${text}\n# last\n[z]\ny = 1\n`);
    const tricky = '[a]\ntext = """\n[mcp_servers.sallyport]\nurl = 1\n"""\n';
    expect(() => withEntry(tricky, place, 'sallyport', entryOf(place))).toThrow('left as it is');
  });

  it('keeps the comments of YAML', () => {
    const goose = placeOf('goose');
    const text = '# mine\nextensions:\n  # one\n  a: { enabled: true } # two\nGOOSE_MODE: auto\n';
    const put = withEntry(text, goose, 'sallyport', entryOf(goose));
    for (const comment of ['# mine', '# one', '# two']) expect(put).toContain(comment);
    expect(withEntry(put, goose, 'sallyport', undefined)).toBe(text);
    const list = placeOf('continue');
    const config = 'name: Mine # me\nmcpServers:\n  # first\n  - name: a\n    command: x\nmodels: []\n';
    const added = withEntry(config, list, 'sallyport', entryOf(list));
    expect(added).toContain('# first');
    expect(withEntry(added, list, 'sallyport', undefined)).toBe(config);
  });

  it('refuses a file in which something else stands in its place', () => {
    for (const text of ['{"mcpServers": []}', '{"mcpServers": "x"}', '[]']) {
      expect(() => withEntry(text, placeOf('cursor'), 'sallyport', { url: 'x' }), text).toThrow('left as it is');
    }
  });
});
