import { describe, expect, it } from 'vitest';
import { AdminError } from '../admin/index.ts';
import { isReplaceable, mergeChanges, readServer, readSettings } from './admin-written.ts';
import { changeConfig } from '../config/edit.ts';

describe('what is written over the admin API', () => {
  it('ADM-02 is literal, wherever it stands', () => {
    expect(readServer({ command: '${file:/a}', args: ['${secret:X}', '$HOME'], env: { A: '${exec:Y}' } })).toEqual({
      command: '$${file:/a}',
      args: ['$${secret:X}', '$$HOME'],
      env: { A: '$${exec:Y}' },
    });
    expect(mergeChanges([], {}, { naming: { deep: ['${secret:X}'], none: null } })).toEqual([
      { path: ['naming'], value: { deep: ['$${secret:X}'] } },
    ]);
  });

  it('is a merge patch: objects are gone into, null takes out, lists are whole', () => {
    const current = { limits: { human: '5m', rate: { global: '1/s' } }, strict: true };
    expect(
      mergeChanges([], current, { limits: { human: null, quota: null, rate: { perTool: '2/s' } }, strict: [] }),
    ).toEqual([
      { path: ['limits', 'human'], value: undefined },
      { path: ['limits', 'rate', 'perTool'], value: '2/s' },
      { path: ['strict'], value: [] },
    ]);
  });

  it('leaves comments where they are', () => {
    const yaml = '# ours\nlimits:\n  human: 5m # people\nmcpServers:\n  a:\n    url: http://a # there\n';
    const changes = mergeChanges([], { limits: { human: '5m' } }, { limits: { human: '6m' }, strict: true });
    const after = changeConfig(yaml, 'yaml', () => changes);
    for (const kept of ['# ours', '# people', 'url: http://a # there']) expect(after).toContain(kept);
    expect(after).toContain('human: 6m');
    expect(after).toContain('strict: true');
  });

  it('ADM-02 names no file, address or secret among settings', () => {
    for (const settings of [
      { listen: {} },
      { auth: {} },
      { audit: {} },
      { secrets: {} },
      { admin: {} },
      { policy: { external: {} } },
      { discovery: { embeddings: {} } },
      { views: { a: { discovery: { embeddings: {} } } } },
      {},
    ])
      expect(() => readSettings(settings)).toThrow(AdminError);
    expect(readSettings({ policy: { rules: [] }, views: { a: { servers: ['x'] } } })).toBeDefined();
  });

  it.each([
    [{ url: 'http://a', headers: { a: 'plain $$5' } }, true],
    [{ url: 'http://a', headers: { a: 'Bearer ${T}' } }, false],
    [{ url: 'http://a', headers: { a: '${secret:T}' } }, false],
    [{ command: 'a', args: ['${file:x}'] }, false],
    [{ command: 'a', envFile: 'x' }, false],
    [{ url: 'http://a', oauth: {} }, false],
    [{ command: 'a', sandbox: 'strict' }, false],
    ['text', false],
  ])('ADM-02 %j can be replaced: %s', (written, expected) => {
    expect(isReplaceable(written)).toBe(expected);
  });
});
