/**
 * What makes a system start the gateway when its user logs in: a systemd user unit, a launchd agent or a command in Windows'
 * Startup folder. Pure: facts in, text and commands out; `at-login.ts` writes and runs them.
 */
import { posix, win32 } from 'node:path';

export interface LoginFacts {
  /** Program and words that run the gateway in the foreground. */
  readonly argv: readonly string[];
  readonly cwd: string;
  /** Variables that it needs beside what the system gives at login. */
  readonly env: Readonly<Record<string, string>>;
  readonly logPath: string;
  readonly home: string;
  /** `$XDG_CONFIG_HOME`, or `%APPDATA%`; undefined for the usual place. */
  readonly configHome: string | undefined;
  readonly uid: number | undefined;
}

export interface LoginItem {
  readonly path: string;
  readonly text: string;
  /** Commands that tell the system of the file, after it was written. */
  readonly enable: readonly (readonly string[])[];
  /** Commands that start it now; none where it starts at login alone. */
  readonly start: readonly (readonly string[])[];
  /** Commands that tell the system before it is removed. */
  readonly disable: readonly (readonly string[])[];
}

const LABEL = 'sallyport';
/** Wrong words and a wrong configuration do not become right by trying again. */
const FINAL_CODES = '2 3';

/** Undefined for a system that this is not known of. */
export function loginItem(platform: NodeJS.Platform, facts: LoginFacts): LoginItem | undefined {
  if (platform === 'linux') return systemdItem(facts);
  if (platform === 'darwin') return launchdItem(facts);
  return platform === 'win32' ? startupItem(facts) : undefined;
}

function systemdItem(facts: LoginFacts): LoginItem {
  const configHome = facts.configHome ?? posix.join(facts.home, '.config');
  const unit = `${LABEL}.service`;
  return {
    path: posix.join(configHome, 'systemd/user', unit),
    text: systemdUnit(facts),
    enable: [
      ['systemctl', '--user', 'daemon-reload'],
      ['systemctl', '--user', 'enable', unit],
    ],
    start: [['systemctl', '--user', 'start', unit]],
    disable: [['systemctl', '--user', 'disable', unit]],
  };
}

/** systemd.service(5), systemd.syntax(7). */
export function systemdUnit({ argv, cwd, env, logPath }: LoginFacts): string {
  const [program = '', ...words] = argv;
  return [
    '[Unit]',
    'Description=Sallyport, one guarded door to MCP servers',
    '',
    '[Service]',
    'Type=exec',
    `ExecStart=${[quoted(program), ...words.map((word) => quoted(word).replaceAll('$', '$$$$'))].join(' ')}`,
    `WorkingDirectory=${specifiers(cwd)}`,
    ...Object.entries(env).map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}`),
    'UMask=0077',
    `StandardOutput=append:${specifiers(logPath)}`,
    `StandardError=append:${specifiers(logPath)}`,
    'Restart=on-failure',
    'RestartSec=2',
    `RestartPreventExitStatus=${FINAL_CODES}`,
    '# The gateway ends its own children; what it leaves is ended with the unit.',
    'KillMode=mixed',
    'TimeoutStopSec=20',
    '',
    '[Install]',
    'WantedBy=default.target',
    '',
  ].join('\n');
}

function specifiers(text: string): string {
  return text.replaceAll('%', '%%');
}

function quoted(text: string): string {
  const escaped = specifiers(text)
    .replaceAll('\\', '\\\\')
    .replaceAll('"', String.raw`\"`)
    .replaceAll('\n', String.raw`\n`);
  return `"${escaped}"`;
}

function launchdItem(facts: LoginFacts): LoginItem {
  const path = posix.join(facts.home, 'Library/LaunchAgents', `${LABEL}.plist`);
  const domain = `gui/${facts.uid ?? 0}`;
  return {
    path,
    text: launchdPlist(facts),
    enable: [['launchctl', 'enable', `${domain}/${LABEL}`]],
    start: [['launchctl', 'bootstrap', domain, path]],
    disable: [['launchctl', 'bootout', `${domain}/${LABEL}`]],
  };
}

/** launchd.plist(5). */
export function launchdPlist({ argv, cwd, env, logPath }: LoginFacts): string {
  const string = (text: string): string => `<string>${xml(text)}</string>`;
  const key = (name: string): string => `<key>${xml(name)}</key>`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    '<plist version="1.0">',
    '<dict>',
    `  ${key('Label')}${string(LABEL)}`,
    `  ${key('ProgramArguments')}`,
    '  <array>',
    ...argv.map((word) => `    ${string(word)}`),
    '  </array>',
    `  ${key('WorkingDirectory')}${string(cwd)}`,
    `  ${key('EnvironmentVariables')}`,
    '  <dict>',
    ...Object.entries(env).map(([name, value]) => `    ${key(name)}${string(value)}`),
    '  </dict>',
    `  ${key('StandardOutPath')}${string(logPath)}`,
    `  ${key('StandardErrorPath')}${string(logPath)}`,
    `  ${key('RunAtLoad')}<true/>`,
    `  ${key('KeepAlive')}<dict>${key('SuccessfulExit')}<false/></dict>`,
    `  ${key('Umask')}<integer>63</integer>`,
    '</dict>',
    '</plist>',
    '',
  ].join('\n');
}

/** XML has no way to write most control characters. */
function xml(text: string): string {
  return text
    .replaceAll(/[^\P{Cc}\t\n\r]/gu, '')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

function startupItem(facts: LoginFacts): LoginItem {
  const configHome = facts.configHome ?? win32.join(facts.home, 'AppData', 'Roaming');
  return {
    path: win32.join(configHome, 'Microsoft', 'Windows', 'Start Menu', 'Programs', 'Startup', `${LABEL}.cmd`),
    text: startupCommand(facts),
    enable: [],
    start: [],
    disable: [],
  };
}

/** A batch file: a window that is minimized, in which the gateway runs. */
export function startupCommand({ argv, cwd, env, logPath }: LoginFacts): string {
  const safe = (text: string): string => text.replaceAll(/[\r\n"]/g, '').replaceAll('%', '%%');
  return [
    '@echo off',
    'chcp 65001 >nul',
    ...Object.entries(env).map(([name, value]) => `set "${safe(name)}=${safe(value)}"`),
    `cd /d "${safe(cwd)}"`,
    `start "Sallyport" /min cmd /c "${argv.map((word) => `"${safe(word)}"`).join(' ')} >>"${safe(logPath)}" 2>&1"`,
    '',
  ].join('\r\n');
}
