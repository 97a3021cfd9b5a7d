/**
 * Servers whose command is itself a container (`docker run …`, `podman run …`) or leads into one (`exec`, `compose`, …): recognised, because bubblewrap would keep the
 * command from its engine, and searched for the flags that open the container to this machine. Reads the command line alone:
 * what the image is and how the engine is set up is not looked at. Pure.
 */
import { basename, resolve } from 'node:path';
import type { SandboxSpec } from './spec.ts';
import { isInside } from './inside.ts';

export interface ContainerRun {
  readonly engine: 'docker' | 'podman';
  /** Flags that open it, as written; their values are shown where they are what opens. */
  readonly opens: readonly string[];
  /** Names of all flags. */
  readonly flags: ReadonlySet<string>;
  /** It has no network. */
  readonly offline: boolean;
  /** A sentence: what decides about the container, where that is not this command line. */
  readonly elsewhere?: string;
}

/** Without a value. All others take one, also those that are not known here. */
const SWITCHES: ReadonlySet<string> = new Set(
  [
    'detach disable-content-trust help init interactive no-healthcheck oom-kill-disable privileged publish-all quiet read-only',
    'rm sig-proxy tty use-api-socket env-host http-proxy no-hostname no-hosts passwd read-only-tmpfs replace rmi rootfs',
    'tls-verify unsetenv-all',
  ].flatMap((line) => line.split(' ')),
);
const GLOBAL_SWITCHES: ReadonlySet<string> = new Set([
  'debug',
  'tls',
  'tlsverify',
  'remote',
  'syslog',
  'help',
  'version',
]);
const SHORT: ReadonlyMap<string, string> = new Map(
  Object.entries({
    d: 'detach',
    i: 'interactive',
    t: 'tty',
    P: 'publish-all',
    q: 'quiet',
    v: 'volume',
    m: 'memory',
    c: 'cpu-shares',
  }),
);
const GLOBAL_SHORT: ReadonlyMap<string, string> = new Map(Object.entries({ D: 'debug', v: 'version', r: 'remote' }));

/** Namespaces that can be those of this machine or of another container. */
const NAMESPACES: ReadonlySet<string> = new Set(['net', 'network', 'pid', 'ipc', 'uts', 'userns', 'cgroupns']);
const ALWAYS_OPEN: ReadonlySet<string> = new Set([
  'cap-add',
  'device',
  'device-cgroup-rule',
  'volumes-from',
  'use-api-socket',
  'rootfs',
]);
const UNCONFINED =
  /^(?:(?:seccomp|apparmor|systempaths)[=:]unconfined|label[=:]disable|unmask=.*|no-new-privileges[=:]false)$/;
const WHOLE: ReadonlySet<string> = new Set(
  '/ /boot /etc /home /lib /mnt /opt /root /run /srv /tmp /usr /var /var/lib /var/run'.split(' '),
);
const MACHINE: readonly string[] = ['/dev', '/proc', '/sys'];
const ENGINE_SOCKET = /\/(?:docker|podman|containerd|crio)\.sock$|\/podman\/podman\.sock$/;

const MADE_BEFORE = 'What its container may do was said when that was made, and is not looked at.';
/** By the engine's own command. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ['exec', MADE_BEFORE],
  ['attach', MADE_BEFORE],
  ['start', MADE_BEFORE],
  ['compose', 'What its container may do is said in the files of Compose, which are not looked at.'],
  [
    'mcp',
    'The gateway of Docker runs on this machine, as whoever runs Sallyport; only what it starts is in containers.',
  ],
]);

interface Flag {
  readonly name: string;
  readonly value: string;
}

/** Undefined: the command is no container. */
export function containerRun({
  command,
  args,
  cwd,
  hidden,
}: Pick<SandboxSpec, 'command' | 'args' | 'cwd' | 'hidden'>): ContainerRun | undefined {
  const [, engine, plugin] = /^(docker|podman)(?:-(compose))?(?:\.exe)?$/i.exec(basename(command)) ?? [];
  if (engine !== 'docker' && engine !== 'podman') return undefined;
  const { rest } = readFlags(args, GLOBAL_SWITCHES, GLOBAL_SHORT);
  const words = rest[0] === 'container' ? rest.slice(1) : rest;
  const elsewhere = ELSEWHERE.get(plugin ?? words[0] ?? '');
  if (elsewhere !== undefined) {
    const opens = words.includes('--privileged') ? ['--privileged'] : [];
    return { engine, opens, flags: new Set(), offline: false, elsewhere };
  }
  if (words[0] !== 'run') return undefined;
  const { flags } = readFlags(words.slice(1), SWITCHES, SHORT);
  const opens = flags.flatMap((flag) => opening(flag, cwd, hidden) ?? []);
  const networks = flags.filter(({ name }) => name === 'network' || name === 'net').map(({ value }) => value);
  return {
    engine,
    opens: [...new Set(opens)],
    flags: new Set(flags.map(({ name }) => name)),
    offline: networks.length > 0 && networks.every((network) => network === 'none'),
  };
}

/** Up to the first word that is neither a flag nor a flag's value. What looks like a flag is one, where a value is due as well. */
function readFlags(
  args: readonly string[],
  switches: ReadonlySet<string>,
  short: ReadonlyMap<string, string>,
): { readonly flags: readonly Flag[]; readonly rest: readonly string[] } {
  const flags: Flag[] = [];
  const left = [...args];
  while (isFlag(left[0])) {
    const word = left.shift() ?? '';
    const read = word.startsWith('--') ? [longFlag(word)] : shortFlags(word, switches, short);
    for (const { name, value } of read) {
      const takesNext = value === undefined && !switches.has(name) && left[0] !== undefined && !isFlag(left[0]);
      flags.push({ name, value: value ?? (takesNext ? (left.shift() ?? '') : 'true') });
    }
  }
  return { flags, rest: left[0] === '--' ? left.slice(1) : left };
}

const isFlag = (word = ''): boolean => word.startsWith('-') && word !== '-' && word !== '--';

/** The value is undefined where none is attached. */
type Read = Omit<Flag, 'value'> & { readonly value: string | undefined };

function longFlag(word: string): Read {
  const [, name = '', value] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
  return { name, value };
}

/** `-itv/:/x`: switches, and at the end one that may take a value. */
function shortFlags(word: string, switches: ReadonlySet<string>, short: ReadonlyMap<string, string>): readonly Read[] {
  const names = word
    .slice(1)
    .split('')
    .map((letter) => short.get(letter) ?? letter);
  const at = names.findIndex((name) => !switches.has(name));
  const before = names.slice(0, at === -1 ? names.length : at).map((name) => ({ name, value: undefined }));
  const name = names[at];
  if (name === undefined) return before;
  const attached = word.slice(at + 2).replace(/^=/, '');
  return [...before, { name, value: attached === '' ? undefined : attached }];
}

/** The flag as it is told, when it opens the container. */
function opening({ name, value }: Flag, cwd: string, hidden: readonly string[]): string | undefined {
  if (name === 'privileged') return value === 'false' ? undefined : '--privileged';
  if (ALWAYS_OPEN.has(name)) return value === 'true' ? `--${name}` : `--${name} ${value}`;
  if (NAMESPACES.has(name)) return /^(?:host|container:|ns:)/.test(value) ? `--${name} ${value}` : undefined;
  if (name === 'security-opt') return UNCONFINED.test(value) ? `--${name} ${value}` : undefined;
  const source = sourceOf(name, value);
  const isPath = source !== undefined && /^[/.~]/.test(source);
  return isPath && opensFolder(resolve(cwd, source), hidden) ? `--${name} ${source}` : undefined;
}

/** Of a volume or mount: what of this machine it is; a name is a volume of the engine. */
function sourceOf(name: string, value: string): string | undefined {
  if (name === 'volume') return value.split(':')[0];
  if (name !== 'mount') return undefined;
  return /(?:^|,)(?:source|src)=([^,]*)/.exec(value)?.[1];
}

function opensFolder(path: string, hidden: readonly string[]): boolean {
  return (
    WHOLE.has(path) ||
    ENGINE_SOCKET.test(path) ||
    MACHINE.some((folder) => isInside(folder, path)) ||
    hidden.some((own) => isInside(own, path) || isInside(path, own))
  );
}
