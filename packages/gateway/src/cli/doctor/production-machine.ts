/** The process and its files: whom it runs as, which Node, what of its environment takes protection away, who may read the file. */
import { fail, ok, warn, type Finding } from './report.ts';
import { shellWord } from '../text.ts';
import type { Visit } from './visit.ts';

/** The end of support of each release line that is one for years (nodejs/Release, schedule.json). */
const SUPPORTED: Readonly<Record<number, string>> = { 22: '2027-04-30', 24: '2028-04-30', 26: '2029-04-30' };
const OTHERS = 0o077;

export async function checkProduction(visit: Visit, file: string | undefined): Promise<readonly Finding[]> {
  return [user(visit), node(visit), environment(visit), ...(file === undefined ? [] : await modes(visit, file))];
}

function user({ context }: Visit): Finding {
  return context.processes.uid === 0
    ? fail('user', 'this is root: what breaks out of the gateway has the machine', 'run Sallyport as a user of its own')
    : ok('user', context.processes.uid === undefined ? 'as it is' : `uid ${context.processes.uid}`);
}

function node({ context }: Visit): Finding {
  const major = Number(context.nodeVersion.split('.')[0]);
  const until = SUPPORTED[major];
  if (until === undefined) {
    return warn('Node support', `${context.nodeVersion} is no line with long support`, 'install Node 24 (LTS)');
  }
  return context.now() < Date.parse(until)
    ? ok('Node support', `Node ${major} gets fixes until ${until}`)
    : fail('Node support', `Node ${major} gets no fixes since ${until}`, 'install Node 24 (LTS) or newer');
}

function environment({ context: { env } }: Visit): Finding {
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') {
    return fail(
      'environment',
      'NODE_TLS_REJECT_UNAUTHORIZED=0 accepts every certificate',
      'unset it; an authority of your own goes to NODE_EXTRA_CA_CERTS',
    );
  }
  if (/--inspect/.test(env['NODE_OPTIONS'] ?? '')) {
    return fail(
      'environment',
      'NODE_OPTIONS opens the debugger: whoever reaches it is the gateway',
      'take --inspect away',
    );
  }
  if ((env['DEBUG'] ?? '') !== '' || (env['NODE_DEBUG'] ?? '') !== '') {
    return warn('environment', 'DEBUG or NODE_DEBUG is set: libraries may print what they send', 'unset it');
  }
  return env['NODE_ENV'] === 'production'
    ? ok('environment', 'NODE_ENV=production')
    : warn('environment', 'NODE_ENV is not production', 'export NODE_ENV=production');
}

async function modes({ context, system }: Visit, file: string): Promise<readonly Finding[]> {
  if (context.processes.platform === 'win32') return [];
  const seen = await system.look(file);
  if (seen === undefined || seen.kind === 'link' || (seen.mode & OTHERS) === 0)
    return [ok('file modes', 'the file is its owner’s alone')];
  const text = `the configuration is open to others (mode 0${seen.mode.toString(8)})`;
  return [warn('file modes', text, `chmod 600 ${shellWord(file)}`)];
}
