import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { hardened } from '../packages/gateway/src/config/profile.ts';
import { configJsonSchema } from '../packages/gateway/src/config/json-schema.ts';
import { verbs } from '../packages/gateway/src/cli/verbs.ts';

const root = new URL('../', import.meta.url);
const read = (path: string): Promise<string> => readFile(new URL(path, root), 'utf8');

/** The rows of each table, by their cells; without heads. */
async function rows(): Promise<string[][]> {
  const text = await read('docs/COMPLIANCE.md');
  return text
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

const measures = async (): Promise<string[][]> => (await rows()).filter(([id = '']) => /^[A-Z]{3}$/.test(id));

interface Node {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: Node | boolean;
  readonly anyOf?: readonly Node[];
}

/** Whether the schema of the file has a dotted key; `*` is any name. */
function hasKey(node: Node, [key, ...rest]: readonly string[]): boolean {
  if (key === undefined) return true;
  if (node.anyOf?.some((one) => hasKey(one, [key, ...rest])) === true) return true;
  const inner = key === '*' ? node.additionalProperties : node.properties?.[key];
  return typeof inner === 'object' && hasKey(inner, rest);
}

describe('docs/COMPLIANCE.md', () => {
  it('names settings and commands that there are', async () => {
    const schema = configJsonSchema() as Node;
    const missing: string[] = [];
    for (const [id = '', , settings = ''] of await measures()) {
      const named = [...settings.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
      expect(named.length, id).toBeGreaterThan(0);
      for (const name of named) {
        const verb = /^sallyport (\w+)/.exec(name)?.[1];
        const isThere = verb === undefined ? hasKey(schema, name.split('.')) : verbs.some((each) => each.name === verb);
        if (!isThere) missing.push(`${id}: ${name}`);
      }
    }
    expect(missing).toEqual([]);
    expect(hasKey(schema, ['audit', 'retentoin'])).toBe(false);
  });

  it('names tests that there are, for each measure', async () => {
    const all = await measures();
    expect(all.length).toBeGreaterThan(25);
    const missing: string[] = [];
    for (const [id = '', , , tests = ''] of all) {
      let file = '';
      let count = 0;
      for (const [, path, title] of tests.matchAll(/`((?:test|packages|scripts)\/[^`]+\.test\.ts)`|"([^"]+)"/g)) {
        if (path !== undefined) file = path;
        if (title === undefined) continue;
        count++;
        const isThere = existsSync(fileURLToPath(new URL(file, root))) && (await read(file)).includes(title);
        if (!isThere) missing.push(`${id} ${file}: ${title}`);
      }
      if (count === 0) missing.push(id);
    }
    expect(missing).toEqual([]);
  });

  it('names measures that there are, and each of them somewhere', async () => {
    const known = new Set((await measures()).map(([id = '']) => id));
    const cells = (await rows()).filter(([id = '']) => !known.has(id)).flatMap((row) => row);
    const named = cells.filter((cell) => /^(?:[A-Z]{3})(?: [A-Z]{3})*$/.test(cell)).flatMap((cell) => cell.split(' '));
    expect(named.filter((id) => !known.has(id))).toEqual([]);
    expect([...known].filter((id) => !named.includes(id))).toEqual([]);
  });

  it('shows what `profile: hardened` sets and takes, as the code has it', async () => {
    const shown = (await rows()).filter(([key = '']) => /^`[a-zA-Z.*]+`$/.test(key));
    expect(shown).toEqual(
      hardened.map(({ expected, path, value }) => [
        `\`${path}\``,
        value === undefined ? '–' : `\`${JSON.stringify(value).replaceAll('"', '')}\``,
        expected,
      ]),
    );
  });
});
