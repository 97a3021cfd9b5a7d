import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { launchdPlist, loginItem, startupCommand, systemdUnit, type LoginFacts } from './login-item.ts';

const facts: LoginFacts = {
  argv: [process.execPath, '/opt/s p/"x"\\y.js', 'serve', '--config', '/home/me/50% $HOME & <b>.json'],
  cwd: '/tmp',
  env: { PATH: '/usr/bin:/a "b"', SALLYPORT_HOME: '/home/me/100%' },
  logPath: '/home/me/100%/daemon.log',
  home: '/home/me',
  configHome: undefined,
  uid: 501,
};

const tool = (name: string): boolean => spawnSync(name, ['--version']).status === 0;
const hasSystemd = tool('systemd-analyze');
const hasPython = tool('python3');
if (!hasSystemd) console.warn('systemd-analyze is not here: units are not verified by it');
if (!hasPython) console.warn('python3 is not here: property lists are not read by another parser');

async function inFile<T>(name: string, text: string, use: (path: string) => T): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-login-'));
  try {
    await writeFile(join(folder, name), text);
    return use(join(folder, name));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe('a systemd user unit', () => {
  it('quotes what systemd would read', () => {
    const unit = systemdUnit(facts);
    expect(unit).toContain(
      `ExecStart="${process.execPath}" "/opt/s p/\\"x\\"\\\\y.js" "serve" "--config" "/home/me/50%% $$HOME & <b>.json"\n`,
    );
    expect(unit).toContain('Environment="PATH=/usr/bin:/a \\"b\\""\nEnvironment="SALLYPORT_HOME=/home/me/100%%"\n');
    expect(unit).toContain('StandardError=append:/home/me/100%%/daemon.log\n');
  });

  it.skipIf(!hasSystemd)('is one to systemd (needs systemd-analyze)', async () => {
    const verify = (text: string): { status: number | null; stderr: string } =>
      spawnSync('systemd-analyze', ['verify', '--user', '--man=no', text], {
        encoding: 'utf8',
        env: { ...process.env, XDG_RUNTIME_DIR: tmpdir() },
      });
    expect(await inFile('sallyport.service', systemdUnit(facts), verify)).toMatchObject({ status: 0, stderr: '' });
    const wrong = systemdUnit({ ...facts, argv: ['/no/such/program'] });
    expect((await inFile('sallyport.service', wrong, verify)).status).not.toBe(0);
  });
});

describe('a launchd agent', () => {
  it.skipIf(!hasPython)('says the same to another reader of property lists (needs python3)', async () => {
    const script =
      'import json, plistlib, sys; print(json.dumps(plistlib.load(open(sys.argv[1], "rb"), fmt=plistlib.FMT_XML)))';
    const read = (path: string): string => spawnSync('python3', ['-c', script, path], { encoding: 'utf8' }).stdout;
    expect(JSON.parse(await inFile('x.plist', launchdPlist(facts), read))).toEqual({
      Label: 'sallyport',
      ProgramArguments: facts.argv,
      WorkingDirectory: '/tmp',
      EnvironmentVariables: facts.env,
      StandardOutPath: facts.logPath,
      StandardErrorPath: facts.logPath,
      RunAtLoad: true,
      KeepAlive: { SuccessfulExit: false },
      Umask: 0o077,
    });
  });

  it('has no characters that XML cannot say', () => {
    expect(launchdPlist({ ...facts, cwd: 'a\u0000\u001b<' })).toContain('<string>a&lt;</string>');
  });
});

describe('a command in the Startup folder', () => {
  it('is one line for each thing, with nothing that the shell would expand', () => {
    const text = startupCommand({ ...facts, cwd: 'C:\\Users\\me', env: { PATH: 'C:\\100%\r\nx"y' } });
    expect(text.split('\r\n')).toEqual([
      '@echo off',
      'chcp 65001 >nul',
      'set "PATH=C:\\100%%xy"',
      'cd /d "C:\\Users\\me"',
      `start "Sallyport" /min cmd /c ""${process.execPath}" "/opt/s p/x\\y.js" "serve" "--config" "/home/me/50%% $HOME & <b>.json" >>"/home/me/100%%/daemon.log" 2>&1"`,
      '',
    ]);
  });
});

describe('where it is put', () => {
  it.each([
    ['linux', undefined, '/home/me/.config/systemd/user/sallyport.service'],
    ['linux', '/xdg', '/xdg/systemd/user/sallyport.service'],
    ['darwin', undefined, '/home/me/Library/LaunchAgents/sallyport.plist'],
    ['win32', 'C:\\Roaming', 'C:\\Roaming\\Microsoft\\Windows\\Start Menu\\Programs\\Startup\\sallyport.cmd'],
    ['aix', undefined, undefined],
  ] as const)('on %s', (platform, configHome, path) => {
    expect(loginItem(platform, { ...facts, configHome })?.path).toBe(path);
  });

  it('is told with the user’s number on macOS', () => {
    expect(loginItem('darwin', facts)?.start).toEqual([
      ['launchctl', 'bootstrap', 'gui/501', '/home/me/Library/LaunchAgents/sallyport.plist'],
    ]);
  });
});
