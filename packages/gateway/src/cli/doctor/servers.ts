/** One server: what would be started or reached, and what happens when it is. */
import { childEnvironment, isRiskyVariable, packageRun, resolveCommand } from '@sallyport/host';
import { unpinnedText } from '../../config/children.ts';
import type { RemoteTarget, ServerConfig, StdioTarget } from '../../config/types-server.ts';
import { checkRemote } from './remote.ts';
import { fail, ok, warn, type Finding } from './report.ts';
import { messageOf } from './state.ts';
import type { Trial } from './trial.ts';
import type { Visit } from './visit.ts';

export interface ServerVisit extends Visit {
  readonly strict: boolean;
  /** Starts or reaches it; undefined: that must not be done. */
  readonly attempt: ((server: string) => Promise<Trial>) | undefined;
}

export async function checkServer(visit: ServerVisit, server: ServerConfig): Promise<readonly Finding[]> {
  if (!server.enabled) return [ok('state', 'disabled')];
  const { target } = server;
  const before =
    target.kind === 'stdio'
      ? await childFindings(visit, target)
      : target.kind === 'openapi'
        ? [ok('document', `${target.source ?? target.document} ${target.hash.slice(0, 12)}`)]
        : await remoteFindings(visit, target);
  const left = server.unresolved.map((path) =>
    warn('variables', `${path} still holds a variable that is not set`, 'set it, or write ${NAME:-default}'),
  );
  // What cannot be started need not be tried, and why is said already.
  const isHopeless = before.some(({ verdict }) => verdict === 'fail');
  return [...before, ...left, ...(isHopeless ? [] : await tried(visit, server))];
}

async function childFindings(visit: ServerVisit, target: StdioTarget): Promise<readonly Finding[]> {
  return [await command(visit, target), ...packages(visit, target), environment(visit, target)];
}

async function command({ context, strict }: ServerVisit, target: StdioTarget): Promise<Finding> {
  const { platform } = context.processes;
  try {
    const { env } = childEnvironment(context.env, target.env, platform);
    const cwd = target.cwd.startsWith('{') ? context.cwd : target.cwd;
    const places = { path: env['PATH'] ?? '', cwd, platform };
    const { path, warning } = await resolveCommand(target.command, places);
    if (warning === undefined) return ok('command', path);
    return (strict ? fail : warn)('command', warning, `chmod o-w ${path}`);
  } catch (error) {
    return fail('command', messageOf(error));
  }
}

function packages({ strict }: ServerVisit, { args, command: written }: StdioTarget): readonly Finding[] {
  const run = packageRun(written, args);
  if (run === undefined) return [];
  if (run.pin === 'exact' || run.pin === 'local') return [ok('package', run.spec)];
  return [(strict ? fail : warn)('package', unpinnedText(run))];
}

/** Names alone. */
function environment({ context }: ServerVisit, { env }: StdioTarget): Finding {
  const own = Object.keys(env).toSorted();
  const inherited = Object.keys(childEnvironment(context.env, env, context.processes.platform).env)
    .filter((name) => !Object.hasOwn(env, name))
    .toSorted();
  const text = `${inherited.join(' ')} of this process${own.length === 0 ? '' : `; ${own.join(' ')} of the configuration`}`;
  const risky = own.filter(isRiskyVariable);
  return risky.length === 0
    ? ok('environment', text)
    : warn('environment', `${text}. ${risky.join(', ')} can make it run other code than its command`);
}

async function remoteFindings({ context }: ServerVisit, target: RemoteTarget): Promise<readonly Finding[]> {
  const proxy = new URL(target.url).protocol.endsWith('s:')
    ? ['HTTPS_PROXY', 'https_proxy']
    : ['HTTP_PROXY', 'http_proxy'];
  const isProxied = proxy.some((name) => (context.env[name] ?? '') !== '');
  return await checkRemote(target, { isProxied, nowMs: context.now });
}

async function tried({ attempt }: ServerVisit, server: ServerConfig): Promise<readonly Finding[]> {
  if (attempt === undefined) return [warn('start', 'not tried: the configuration is not trusted', 'sallyport trust')];
  const { blocked = [], error, needsLogin, pinned, sandbox, text } = await attempt(server.name);
  const caged = [...(sandbox === undefined ? [] : cage(sandbox)), ...blocked.map(refusedHost)];
  const stay = pinned === undefined ? [] : [ok('installed', `to stay with this version, write ${pinned}`)];
  if (needsLogin) return [warn('login', 'it wants somebody to log in', `sallyport login ${server.name}`)];
  if (error !== undefined) return [...caged, fail('start', error, remedyFor(server, error))];
  return [...caged, ...stay, ok('start', text)];
}

/** `blocked HOST:PORT; WHAT TO DO`. */
function refusedHost(note: string): Finding {
  const [what = note, remedy] = note.split('; ', 2);
  return warn('network', what, remedy);
}

function cage({ gaps, level, summary }: NonNullable<Trial['sandbox']>): readonly Finding[] {
  const isWeak = level === 'limited' || level === 'none';
  return [(isWeak ? warn : ok)('sandbox', summary), ...gaps.map((gap) => (isWeak ? warn : ok)('sandbox', gap))];
}

/** What often helps, by what was said. */
function remedyFor({ name, target }: ServerConfig, error: string): string {
  if (/could not be installed/.test(error)) return 'correct its name and version in `args`, or look at the network';
  if (target.kind === 'openapi') return `look at ${target.document} and at \`openapi\` of the server`;
  if (target.kind !== 'stdio') return `look at ${target.url}, and whether this machine may reach it`;
  if (/EACCES|EROFS|ENOENT|permission denied|read-only file system/i.test(error)) {
    return `if its sandbox lacks a path: sallyport allow ${name} PATH`;
  }
  if (/Cannot find module|ERR_MODULE_NOT_FOUND|ModuleNotFoundError|can't open file/.test(error)) {
    return `see that \`args\` name what is there; if its sandbox lacks a path: sallyport allow ${name} PATH`;
  }
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|fetch failed|getaddrinfo/i.test(error)) {
    return `if its sandbox lacks a host: sallyport allow ${name} HOST`;
  }
  return 'see that `command` and `args` start a server that speaks MCP over its stdin and stdout';
}
