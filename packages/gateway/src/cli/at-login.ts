/**
 * Starting the gateway when its user logs in: writes what `login-item.ts` renders and tells the system of it, and takes both
 * back. It neither starts nor stops a gateway.
 */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeFileAtomic } from '@sallyport/host';
import type { CliContext } from './context.ts';
import { logPaths } from './daemon-log.ts';
import type { Plan } from './daemon-start.ts';
import { CliError, exitCodes } from './exit.ts';
import { loginItem, type LoginItem } from './login-item.ts';
import { note } from './output.ts';
import { oneLine } from './text.ts';

/** Where programs are found and state is kept; of all other variables the system knows nothing at login. */
const KEPT = ['PATH', 'SALLYPORT_HOME', 'XDG_STATE_HOME', 'XDG_CONFIG_HOME', 'NODE_EXTRA_CA_CERTS'];

/** Writes the item, says so and how to undo it. The same again changes nothing. Gives it when the system knows of it. */
export async function installAtLogin(context: CliContext, plan: Plan): Promise<LoginItem | undefined> {
  const item = await itemFor(context, plan);
  const before = await readFile(item.path, 'utf8').catch(() => undefined);
  if (before === item.text) note(context, `at login: ${item.path} is there already`);
  else {
    await mkdir(dirname(item.path), { recursive: true, mode: 0o700 });
    await writeFileAtomic(item.path, item.text);
    note(context, `at login: ${before === undefined ? 'wrote' : 'replaced'} ${item.path}`);
    note(
      context,
      '  Variables of this shell that the configuration uses (`${NAME}`) are not there at login: put them where your system keeps them, or use `${file:PATH}`.',
    );
  }
  const failed = await runAll(context, item.enable);
  if (failed === undefined) {
    note(context, '  It starts whenever you log in. `sallyport stop --at-login` takes that back.');
    return item;
  }
  const commands = item.enable.map((argv) => `    ${argv.join(' ')}`).join('\n');
  note(context, `  warning: ${failed}\n  It starts at login once these work, where you have a session:\n${commands}`);
  return undefined;
}

/** True when the system has started it, as it does at login. */
export async function startBySystem(context: CliContext, item: LoginItem | undefined): Promise<boolean> {
  if (item === undefined || item.start.length === 0) return false;
  return (await runAll(context, item.start)) === undefined;
}

/** Removes the item, if there is one, and says so. */
export async function removeAtLogin(context: CliContext): Promise<void> {
  const item = await itemFor(context, { words: [], cwd: context.cwd, configPath: '' });
  if (!(await context.files.exists(item.path))) return note(context, `at login: nothing was set up (${item.path})`);
  const failed = await runAll(context, item.disable);
  await rm(item.path, { force: true });
  note(context, `at login: removed ${item.path}${failed === undefined ? '' : `\n  warning: ${failed}`}`);
}

async function itemFor({ processes, files, env, home }: CliContext, plan: Plan): Promise<LoginItem> {
  const { platform, self, uid } = processes;
  const configHome = env[platform === 'win32' ? 'APPDATA' : 'XDG_CONFIG_HOME'] ?? '';
  const item = loginItem(platform, {
    argv: [...self, ...plan.words],
    cwd: plan.cwd,
    env: Object.fromEntries(KEPT.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))),
    logPath: logPaths(await files.stateDirectory(), undefined)[0],
    home,
    configHome: configHome === '' ? undefined : configHome,
    uid,
  });
  if (item !== undefined) return item;
  throw new CliError(
    `how ${platform} starts programs at login is not known here: have it run \`${[...self, ...plan.words].join(' ')}\``,
    exitCodes.failed,
  );
}

/** What went wrong first; undefined when nothing did. */
async function runAll(
  { processes }: CliContext,
  commands: readonly (readonly string[])[],
): Promise<string | undefined> {
  for (const argv of commands) {
    const { code, stderr } = await processes.run(argv);
    if (code !== 0) return `\`${argv.join(' ')}\` failed (${code})${stderr === '' ? '' : `: ${oneLine(stderr)}`}`;
  }
  return undefined;
}
