/** Everything that can be measured, and how it is started. A further one is a further entry. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Era } from './load/connection.ts';
import type { LoadOrder } from './load/report.ts';
import type { UpstreamAddress } from './references/upstreams.ts';

/** Where one system is started. */
export interface Site {
  readonly port: number;
  readonly upstreams: readonly [UpstreamAddress, ...UpstreamAddress[]];
  /** Empty, and the system's own. */
  readonly folder: string;
  /** Writes a file there and answers its path. */
  write(name: string, content: unknown): string;
}

export interface Launch {
  /** Undefined: nothing stands in between. */
  readonly command?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** How the generator reaches it. */
  readonly target: Pick<LoadOrder, 'url' | 'command' | 'transport'>;
  /** What every request carries; asked for when the system runs. */
  headers?(): Record<string, string>;
}

export interface System {
  readonly name: string;
  readonly about: string;
  readonly upstream: 'http' | 'stdio';
  readonly eras: readonly Era[];
  /** True: it can stand in front of one upstream only. */
  readonly isSingle?: boolean;
  /** A file without which it cannot be measured. */
  readonly needs?: string;
  launch(site: Site): Launch;
}

const BENCH = import.meta.dirname;
export const GATEWAY: string = join(BENCH, '../packages/gateway/bin/sallyport.js');
const NODE = process.execPath;
const BOTH: readonly Era[] = ['session', 'stateless'];

const urlOf = (site: Site): string => `http://127.0.0.1:${site.port}/mcp`;

function streamable(command: readonly string[], site: Site): Launch {
  return { command, target: { url: urlOf(site), transport: 'streamable-http' } };
}

function upstreamUrl({ upstreams: [first] }: Site): string {
  return 'url' in first ? first.url : '';
}

function upstreamCommand({ upstreams: [first] }: Site): string[] {
  return 'command' in first ? [first.command, ...first.args] : [];
}

function reference(script: string, site: Site, ...args: readonly string[]): string[] {
  return [NODE, join(BENCH, 'references', script), '--port', String(site.port), ...args];
}

function forward(name: string, read: 'none' | 'splice' | 'json', about: string): System {
  return {
    name,
    about,
    upstream: 'http',
    eras: BOTH,
    isSingle: true,
    launch: (site) => streamable(reference('forward.ts', site, '--upstream', upstreamUrl(site), '--read', read), site),
  };
}

function sdk(name: 'sdk1' | 'sdk2', upstream: System['upstream'], eras: readonly Era[], about: string): System {
  return {
    name,
    about,
    upstream,
    eras,
    launch: (site) =>
      streamable(reference(`${name}.ts`, site, '--upstreams', site.write('upstreams.json', site.upstreams)), site),
  };
}

/** The configuration of *bare*: routing and a key, and limits that a load test does not reach. Nothing is looked at or caged. */
export function gatewayConfig(site: Site): object {
  const servers = site.upstreams.map((each) => [
    each.name,
    'url' in each ? { type: 'http', url: each.url } : { command: each.command, args: each.args, sandbox: 'none' },
  ]);
  return {
    listen: { host: '127.0.0.1', port: site.port },
    auth: { mode: 'key' },
    store: 'memory',
    discovery: 'full',
    guard: { arguments: 'off', secrets: 'off', injection: 'off', pins: { mode: 'off' } },
    limits: { concurrency: 10_000, sessions: 10_000 },
    mcpServers: Object.fromEntries(servers) as object,
  };
}

/** A key of the configuration: unlike the local one, it is subject to every limit. */
const KEY = `bench-${'0123456789abcdef'.repeat(3)}`;
/** A call meets each of these, and none of them stops it. */
const NEVER = '100000000/s';

/** *On*: all that decides about a call, and the guard as it comes. Fifty rules, of which four speak of the tools that are called, one by a condition. */
function guardedConfig(site: Site): object {
  const { guard: _off, ...bare } = gatewayConfig(site) as { guard: object; limits: object };
  const others = Array.from({ length: 46 }, (_, n) => ({
    effect: ['allow', 'deny', 'ask'][n % 3],
    ...(n % 2 === 0 ? { roles: [`role${n % 5}`] } : { roles: ['bench'] }),
    tools: [`*__other-${n}-*`],
    ...(n % 7 === 0 && { when: `arguments.n == ${n}` }),
  }));
  return {
    ...bare,
    auth: { mode: 'key', keys: [{ name: 'bench', key: KEY, roles: ['bench'] }] },
    limits: {
      ...bare.limits,
      rate: { perPrincipal: NEVER, perServer: NEVER, perTool: NEVER, perSession: NEVER, global: NEVER },
      quota: { day: 1_000_000_000, month: 1_000_000_000 },
      serverConcurrency: 10_000,
    },
    policy: {
      roles: Object.fromEntries(
        ['bench', ...Array.from({ length: 5 }, (_, n) => `role${n}`)].map((role) => [role, {}]),
      ),
      rules: [
        ...others,
        { effect: 'deny', roles: ['role1'], tools: ['*'] },
        { effect: 'deny', roles: ['bench'], tools: ['*'], when: 'size(arguments) > 50' },
        { effect: 'allow', roles: ['bench'], tools: ['*'] },
        { effect: 'allow', roles: ['bench'], resources: ['*'] },
      ],
    },
  };
}

/** How one is called that is set up otherwise, and what it is. */
const VARIANTS = {
  bare: { name: 'sallyport', about: 'Sallyport *bare*: routing and a key' },
  socket: { name: 'sallyport-ws', about: 'the same, its clients on WebSockets' },
  on: { name: 'sallyport-on', about: 'Sallyport *on*: a key, a policy of 50 rules, every rate, quota and queue' },
} as const;

function sallyport(upstream: System['upstream'], variant: keyof typeof VARIANTS = 'bare'): System {
  const isOn = variant === 'on';
  return {
    ...VARIANTS[variant],
    upstream,
    eras: BOTH,
    needs: join(BENCH, '../packages/gateway/dist/cli.js'),
    launch: (site) => {
      const state = join(site.folder, 'state');
      const config = isOn ? guardedConfig(site) : gatewayConfig(site);
      return {
        command: [NODE, GATEWAY, 'serve', '--config', site.write('sallyport.json', config)],
        env: { HOME: site.folder, SALLYPORT_HOME: state },
        target: { url: urlOf(site), transport: variant === 'socket' ? 'web-socket' : 'streamable-http' },
        headers: () => ({
          authorization: `Bearer ${isOn ? KEY : readFileSync(join(state, 'local.key'), 'utf8').trim()}`,
        }),
      };
    },
  };
}

function mcpHub(upstream: System['upstream'], peers: string): System {
  const script = join(peers, 'mcp-hub/node_modules/mcp-hub/dist/cli.js');
  return {
    name: 'mcp-hub',
    about: 'mcp-hub from npm',
    upstream,
    eras: ['session'],
    needs: script,
    launch: (site) => {
      const servers = Object.fromEntries(site.upstreams.map(({ name, ...rest }) => [name, rest]));
      const config = site.write('hub.json', { mcpServers: servers });
      return {
        command: [NODE, script, '--port', String(site.port), '--config', config],
        env: {
          HOME: site.folder,
          XDG_STATE_HOME: site.folder,
          XDG_CONFIG_HOME: site.folder,
          XDG_DATA_HOME: site.folder,
        },
        target: { url: urlOf(site), transport: 'http+sse' },
      };
    },
  };
}

/** All systems. `peers` is the folder with one folder for every peer from npm (`mcp-hub/node_modules/…`). */
export function allSystems(peers: string): System[] {
  return [
    {
      name: 'direct',
      about: 'no gateway',
      upstream: 'http',
      eras: BOTH,
      isSingle: true,
      launch: (site) => ({ target: { url: upstreamUrl(site), transport: 'streamable-http' } }),
    },
    {
      name: 'tcp-pipe',
      about: 'bytes from socket to socket, unread',
      upstream: 'http',
      eras: BOTH,
      isSingle: true,
      launch: (site) => ({
        command: reference('tcp-pipe.ts', site, '--upstream', upstreamUrl(site)),
        target: { url: new URL(new URL(upstreamUrl(site)).pathname, urlOf(site)).href, transport: 'streamable-http' },
      }),
    },
    forward('forward', 'none', '`node:http` and undici `dispatch`, bytes forwarded'),
    forward('splice', 'splice', "the same, the tool's name spliced in the bytes"),
    forward('json', 'json', 'the same, JSON parsed and written anew both ways'),
    sdk('sdk1', 'http', ['session'], 'SDK v1 server in front of SDK v1 client'),
    sdk('sdk2', 'http', BOTH, 'SDK v2 server in front of SDK v2 client'),
    mcpHub('http', peers),
    sallyport('http'),
    sallyport('http', 'socket'),
    sallyport('http', 'on'),
    {
      name: 'direct',
      about: "the generator speaks to the child's stdio",
      upstream: 'stdio',
      eras: BOTH,
      isSingle: true,
      launch: (site) => ({ target: { command: upstreamCommand(site), transport: 'stdio' } }),
    },
    {
      name: 'bridge',
      about: 'HTTP to one child, ids replaced in the bytes',
      upstream: 'stdio',
      eras: ['session'],
      isSingle: true,
      launch: (site) =>
        streamable(reference('stdio-bridge.ts', site, '--command', JSON.stringify(upstreamCommand(site))), site),
    },
    sdk('sdk1', 'stdio', ['session'], 'SDK v1 server in front of SDK v1 client'),
    sdk('sdk2', 'stdio', BOTH, 'SDK v2 server in front of SDK v2 client'),
    mcpHub('stdio', peers),
    sallyport('stdio'),
  ];
}

/** Why a system cannot be measured here; undefined: it can. */
export function whyNot(system: System): string | undefined {
  return system.needs === undefined || existsSync(system.needs) ? undefined : `${system.needs} does not exist`;
}
