import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chart, replaceBetween, sections } from './document.ts';

describe('replaceBetween', () => {
  const document = 'a\n<!-- bench:http -->\nold\n<!-- /bench:http -->\nb\n';

  it('replaces what is between the markers and nothing else', () => {
    expect(replaceBetween(document, 'http', 'fresh')).toBe(
      'a\n<!-- bench:http -->\n\nfresh\n\n<!-- /bench:http -->\nb\n',
    );
  });

  it('gives the same when done twice', () => {
    const once = replaceBetween(document, 'http', 'fresh');
    expect(replaceBetween(once, 'http', 'fresh')).toBe(once);
  });

  it.each(['no markers', document + document, '<!-- /bench:http --> <!-- bench:http -->'])('refuses %j', (text) => {
    expect(() => replaceBetween(text, 'http', 'x')).toThrow(/<!-- bench:http -->/);
  });
});

describe('the document', () => {
  it('has a place for every section', () => {
    const text = readFileSync(join(import.meta.dirname, '../docs/PERFORMANCE.md'), 'utf8');
    for (const [name, section] of sections({ calls: [], scale: undefined })) {
      expect(replaceBetween(text, name, section)).toContain(section);
    }
  });

  it('says so where nothing was measured', () => {
    const all = sections({ calls: [], scale: undefined });
    expect([...all].filter(([name]) => name !== 'reach').map(([, text]) => text)).toEqual(Array(3).fill('Not run.'));
    expect(chart({ calls: [], scale: undefined })).not.toContain('<rect');
  });
});
