/** The variables of a child apart from those that would already work in the programs which build its sandbox. Pure. */
import { isCaged } from './level.ts';
import { HOME_INSIDE } from './mounts.ts';
import type { SandboxFacts, SandboxLevel, SandboxSpec } from './spec.ts';

/** Variables by which a loader or shell would run something else already in the programs that build the sandbox. */
const LOADER = /^(?:LD_|DYLD_|BASH_FUNC_)|^(?:BASH_ENV|ENV|GCONV_PATH|GLIBC_TUNABLES|SHELLOPTS|BASHOPTS|PS4)$/;

export const isLoader = (name: string): boolean => LOADER.test(name);

export type Loader = readonly (readonly [name: string, value: string])[];

export function splitEnvironment(
  level: SandboxLevel,
  env: SandboxSpec['env'],
  home: string = HOME_INSIDE,
): { readonly passed: SandboxSpec['env']; readonly loader: Loader } {
  const passed: Record<string, string> = Object.create(null);
  const loader: (readonly [string, string])[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (level !== 'none' && isLoader(name)) loader.push([name, value]);
    else passed[name] = value;
  }
  return { passed: isCaged(level) ? Object.assign(passed, { HOME: home, TMPDIR: '/tmp' }) : passed, loader };
}

export function envArgs({ env }: SandboxFacts, loader: Loader): readonly string[] {
  return env === undefined || loader.length === 0 ? [] : [env, ...loader.map(([name, value]) => `${name}=${value}`)];
}
