import { describe, expect, it } from 'vitest';
import { imitated, knownNames } from './look-alike.ts';

const known = knownNames([
  ['a', ['read_file', 'search']],
  ['git_hub', ['x']],
  ['b', []],
]);

describe('names that look like others', () => {
  it.each([
    'read_file',
    'Read_File',
    'readFile',
    'read-file',
    'read.file',
    'read file',
    're\u0430d_file',
    'r\u0435ad_f\u0456le',
    'read\u200b_file',
    're\u0301ad_file',
    '\uff52\uff45\uff41\uff44_file',
    'read_fi1e'.replace('i1e', 'i\u{1d4c1}e'),
  ])('OUT-04 %j of another server is taken for a__read_file', (name) => {
    expect(known.shadowed('b', name)).toBe('a__read_file');
  });

  it.each(['read_files', 'file_read', 'write_file', '_', ''])('%j is not', (name) => {
    expect(known.shadowed('b', name)).toBeUndefined();
  });

  it('are no matter within one server', () => {
    expect(known.shadowed('a', 'readFile')).toBeUndefined();
  });

  it('are looked at with the name of their server, too', () => {
    expect(known.shadowed('git', 'hub_x')).toBe('git_hub__x');
  });

  it.each([
    ['any', 'find_tools', 'find_tools'],
    ['any', 'Call-Tool', 'call_tool'],
    ['any', 'c\u0430ll_read_tool', 'call_read_tool'],
    ['find', 'tools', 'find_tools'],
    ['any', 'get_dynamic_tools', 'get_dynamic_tools'],
    ['any', 'find_tool', undefined],
  ])('OUT-04 %s__%s imitates %s', (server, name, own) => {
    expect(imitated(server, name)).toBe(own);
  });
});
