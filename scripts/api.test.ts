import { describe, expect, it } from 'vitest';
import { entriesOf, referencePage } from './api.ts';

const files = {
  'index.d.ts': `/** The way in. */
export { open, type Door as Way } from './door.ts';
export { LIMIT } from './again.ts';
export { isObject } from '@sallyport/wire';
`,
  'again.d.ts': `export { LIMIT } from './door.ts';\n`,
  'door.d.ts': `/** Doors: the file's own words. */
import type { Key } from './key.ts';
export interface Door {
    /** Whether it is locked. */
    readonly locked: boolean;
}
/** Opens it, see {@link Door}.
 *
 * @example
 * open({ locked: true });
 */
export declare function open(door: Door): void;
export declare function open(door: Door, key: Key): void;
/** In doors. */
export declare const LIMIT: number;
`,
};

describe('the API reference', () => {
  it('has every export once, by name, with its docstring and its declarations', () => {
    expect(entriesOf(files, 'index.d.ts')).toEqual([
      { name: 'isObject', text: 'As `@sallyport/wire` exports it.', code: '' },
      { name: 'LIMIT', text: 'In doors.', code: 'declare const LIMIT: number;' },
      {
        name: 'open',
        text: 'Opens it, see `Door`.\n\n```ts\nopen({ locked: true });\n```',
        code: 'function open(door: Door): void;\nfunction open(door: Door, key: Key): void;',
      },
      {
        name: 'Way',
        text: '',
        code: 'interface Door {\n    /** Whether it is locked. */\n    readonly locked: boolean;\n}',
      },
    ]);
  });

  it('takes the first comment of a file for the file’s, not for what comes first in it', () => {
    const [only] = entriesOf(
      { 'a.d.ts': `export { A } from './b.ts';\n`, 'b.d.ts': `/** All of it. */\nexport interface A {}\n` },
      'a.d.ts',
    );
    expect(only).toEqual({ name: 'A', text: '', code: 'interface A {}' });
  });

  it('fails where a name leads nowhere', () => {
    expect(() => entriesOf({ 'a.d.ts': `export { A } from './b.ts';\n` }, 'a.d.ts')).toThrow('build first');
    const without = { 'a.d.ts': `export { A } from './b.ts';\n`, 'b.d.ts': `export {};\n` };
    expect(() => entriesOf(without, 'a.d.ts')).toThrow('b.d.ts does not export A');
  });

  it('is a page with a part for each entry point', () => {
    const page = referencePage('doors', { doors: [{ name: 'open', text: 'Opens.', code: 'function open(): void;' }] });
    expect(page).toContain('## doors\n\n### open\n\nOpens.\n\n```ts\nfunction open(): void;\n```\n');
  });
});
