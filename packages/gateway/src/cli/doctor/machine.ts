/** The machine by itself: Node, npm, the clock, the way out. */
import { resolveCommand } from '@sallyport/host';
import { fail, ok, warn, type Finding } from './report.ts';
import type { Visit } from './visit.ts';

const LEAST_NODE = [22, 13] as const;
/** No clock that is right is before this program was written. */
const LEAST_YEAR = 2026;
const PROXIES = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'];

export async function checkMachine(visit: Visit): Promise<readonly Finding[]> {
  return [node(visit), await npm(visit), clock(visit), ...proxies(visit)];
}

function node({ context }: Visit): Finding {
  const [major = 0, minor = 0] = context.nodeVersion.split('.').map(Number);
  const [leastMajor, leastMinor] = LEAST_NODE;
  return major > leastMajor || (major === leastMajor && minor >= leastMinor)
    ? ok('Node', context.nodeVersion)
    : fail('Node', `${context.nodeVersion} is too old`, `install Node ${LEAST_NODE.join('.')} or newer`);
}

async function npm({ context, system }: Visit): Promise<Finding> {
  const { cwd, env, processes } = context;
  const places = { path: env['PATH'] ?? '', cwd, platform: processes.platform };
  const found = await resolveCommand('npm', places).catch(() => undefined);
  if (found === undefined) {
    return warn('npm', 'not found: servers that are started with npx need it', 'install Node.js with npm');
  }
  const version = await system.output(found.path, ['--version']);
  return version === undefined
    ? warn('npm', `${found.path} does not run`, 'install Node.js with npm again')
    : ok('npm', `${version} (${found.path})`);
}

function clock({ context }: Visit): Finding {
  const now = new Date(context.now());
  const text = `${now.toISOString().slice(0, 19)}Z`;
  return now.getUTCFullYear() >= LEAST_YEAR
    ? ok('clock', text)
    : fail(
        'clock',
        `${text} is in the past: certificates and tokens are refused`,
        'set the clock (timedatectl set-ntp true)',
      );
}

/** Their hosts; what stands before the host may be a password. */
function proxies({ context: { env } }: Visit): readonly Finding[] {
  return PROXIES.flatMap((name): Finding[] => {
    const value = env[name] ?? '';
    if (value === '') return [];
    if (!URL.canParse(value)) return [fail('proxy', `${name} is no URL`, `export ${name}=http://HOST:PORT`)];
    const { protocol, host } = new URL(value);
    const without = env['NO_PROXY'] ?? env['no_proxy'] ?? '';
    return [ok('proxy', `${name}: ${protocol}//${host}${without === '' ? '' : `, but not for ${without}`}`)];
  });
}
