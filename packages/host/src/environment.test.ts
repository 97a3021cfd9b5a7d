import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { childEnvironment } from './environment.ts';

const plain = (env: Readonly<Record<string, string>>): Record<string, string> => ({ ...env });

describe('environment of a child', () => {
  it('takes six names of the parent and what is configured', () => {
    const kept = { PATH: '/bin', HOME: '/home/a', LANG: 'C.UTF-8', TMPDIR: '/tmp', TZ: 'UTC', TERM: 'xterm' };
    const secret = { CANARY: 'x', LC_ALL: 'C', NODE_OPTIONS: '--require x', LD_PRELOAD: 'x', path: '/x', Path: '/y' };
    const { env, risky } = childEnvironment({ ...kept, ...secret }, { TOKEN: 't', LANG: 'de' }, 'linux');
    expect(plain(env)).toEqual({ ...kept, TOKEN: 't', LANG: 'de' });
    expect(risky).toEqual([]);
  });

  it('takes the names Windows needs, in any spelling and once', () => {
    const parent = { Path: 'C:\\bin', SystemRoot: 'C:\\Windows', userprofile: 'C:\\u', ComSpec: 'cmd', PROCESSOR: 'x' };
    const { env } = childEnvironment(parent, { PATH: 'D:\\bin' }, 'win32');
    expect(plain(env)).toEqual({ PATH: 'D:\\bin', SystemRoot: 'C:\\Windows', userprofile: 'C:\\u', ComSpec: 'cmd' });
  });

  it('does not take Windows names elsewhere, nor unset ones, nor exported shell functions', () => {
    const parent = { SystemRoot: 'x', APPDATA: 'x', HOME: undefined, TERM: '() { :; }; touch /x' };
    expect(plain(childEnvironment(parent, {}, 'linux').env)).toEqual({});
  });

  it('passes risky names when they are configured, and names them', () => {
    const configured = {
      PYTHONSTARTUP: 'a',
      OK: 'b',
      LD_PRELOAD: 'c',
      DYLD_INSERT_LIBRARIES: 'd',
      NODE_OPTIONS: 'e',
      BASH_ENV: 'f',
      npm_config_script_shell: 'g',
      LDAP_URL: 'h',
    };
    const { env, risky } = childEnvironment({}, configured, 'linux');
    expect(plain(env)).toEqual(configured);
    expect(risky).toEqual([
      'BASH_ENV',
      'DYLD_INSERT_LIBRARIES',
      'LD_PRELOAD',
      'NODE_OPTIONS',
      'PYTHONSTARTUP',
      'npm_config_script_shell',
    ]);
  });

  it('P1-10 P4-17 never lets a name of the parent through that is not on the list', () => {
    const allowed = new Set(['PATH', 'HOME', 'LANG', 'TMPDIR', 'TZ', 'TERM']);
    const environment = fc.dictionary(fc.string(), fc.string({ unit: 'grapheme-ascii' }));
    fc.assert(
      fc.property(environment, (parent) => {
        const { env } = childEnvironment(Object.assign(Object.create({ PATH: 'x' }), parent), {}, 'linux');
        expect(Object.keys(env).filter((name) => !allowed.has(name))).toEqual([]);
        expect(Object.getPrototypeOf(env)).toBeNull();
        expect(env['PATH']).toBe(parent['PATH']);
      }),
    );
  });

  it.each([
    ['', 'x'],
    ['A=B', 'x'],
    ['A\0B', 'x'],
    ['A', 'secret\0'],
  ])('refuses the configured %j = %j without telling the value', (name, value) => {
    expect(() => childEnvironment({}, { [name]: value }, 'linux')).toThrowError(/environment variable(?!.*secret)/);
  });
});
