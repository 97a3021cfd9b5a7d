/**
 * `servers` of an Only1MCP file: its own form (`transport: {type: …}`) and that of its templates (`transport: stdio` with
 * the rest beside it). Each becomes an entry of `mcpServers`. What cages a child is written under our keys, which the check
 * afterwards takes or refuses.
 */
import { suggestName } from './check.ts';
import { at, put, putLeast, type Block } from './only1mcp-reader.ts';
import { listOf, parseDuration, parseSize } from './scalars.ts';
import { serverNamePattern } from './schema.ts';
import { lowerCase } from './servers.ts';
import { pathKey, type Path } from './source.ts';

/** `ours`: `['mcpServers', name]`. */
type Server = { readonly block: Block; readonly ours: Path; readonly isStdio: boolean };

const watched = 'a server is watched while it is used: one that fails is left alone for a while, then tried again';
const alone = 'every server stands for itself and shows its own tools; equal servers form no group';
const pooled = 'connections are kept by the HTTP client';

export function convertServers(root: Block): void {
  const taken: string[] = [];
  const all = root.blocks('servers').map((block) => convertServer(block, taken));
  convertTransports(root, all);
  convertSandbox(root, all);
  for (const { ours } of all) {
    for (const owner of ['proxy', 'performance']) limitTime(root.block(owner), 'request_timeout', ours);
    // A call of ours ends after `call` without progress, by default before a `max` that is longer.
    const from = root.ledger.origins.get(pathKey([...ours, 'timeout', 'max']))?.from;
    const max = at(root.ledger.value, [...ours, 'timeout', 'max']);
    if (from !== undefined) put(root.ledger, [...ours, 'timeout', 'call'], max, from);
  }
  const started = all.find(({ isStdio }) => isStdio);
  if (started !== undefined) {
    const message = 'a child gets PATH, HOME, LANG and the like and its `env`, nothing else of our environment';
    root.ledger.notes.push({ path: started.block.at('transport'), message });
  }
  if (all.length > 0) {
    const message = 'tools are shown as `server__tool`, so that none hides another; `naming: plain` shows bare names';
    root.ledger.notes.push({ path: ['servers'], message });
  }
}

function convertServer(block: Block, taken: string[]): Server {
  const ours = ['mcpServers', nameOf(block, taken)];
  put(block.ledger, ours, {}, block.at('id'));
  block.move('name', [...ours, 'description']);
  block.move('enabled', [...ours, 'enabled']);
  const isStdio = convertTarget(block, ours);
  convertTools(block, ours);
  convertLimits(block, ours, isStdio);
  const tags = ['region', 'tier', 'capabilities'].flatMap((key) => block.take(key) ?? []);
  if (tags.length > 0) put(block.ledger, [...ours, 'tags'], tags, block.path);
  block.ignore(
    watched,
    'health_check.{enabled,interval_seconds,timeout_seconds,healthy_threshold,unhealthy_threshold,path} ' +
      'health_check.{interval,timeout,retries,failure_threshold,success_threshold,expected_status,checks}',
  );
  block.ignore(alone, 'weight routing.{priority,weight} routing_hints');
  block.ignore(pooled, 'pool.{min_connections,max_connections,idle_timeout,connection_timeout,max_lifetime}');
  return { block, ours, isStdio };
}

/** Its id, made to fit where it does not. */
function nameOf(block: Block, taken: string[]): string {
  const id = block.text('id') ?? '';
  const others = lowerCase(taken);
  const fits = serverNamePattern.test(id) && !others.has(id.toLowerCase());
  const name = fits ? id : (suggestName(id, others) ?? `server-${taken.length + 1}`);
  if (id === '') block.ledger.problems.push({ path: block.at('id'), message: 'expected the id of the server' });
  else if (others.has(id.toLowerCase())) {
    block.ledger.problems.push({ path: block.at('id'), message: 'names another server already' });
  } else if (!fits) {
    block.ledger.notes.push({
      path: block.at('id'),
      message: `is called \`${name}\` here, which fits in names of tools`,
    });
  }
  taken.push(name);
  return name;
}

const remoteKinds = ['http', 'streamable_http', 'sse', 'websocket'];

/** How it is started or reached. True for a child process. */
function convertTarget(block: Block, ours: Path): boolean {
  const isPart = typeof block.take('transport') !== 'string';
  const inside = isPart ? block.block('transport') : block;
  const key = isPart ? 'type' : 'transport';
  const kind = inside.text(key) ?? '';
  if (kind === 'stdio') convertChild(inside, ours);
  else if (remoteKinds.includes(kind)) convertRemote(inside, ours, kind);
  else {
    const message = `expected a transport that Sallyport has: ${listOf(['stdio', ...remoteKinds])}`;
    block.ledger.problems.push({ path: inside.at(key), message });
  }
  return kind === 'stdio';
}

function convertChild(inside: Block, ours: Path): void {
  const command = inside.take('command');
  const words: readonly unknown[] = Array.isArray(command) ? command : [command];
  put(inside.ledger, [...ours, 'command'], words[0], inside.at('command'));
  const args = [...words.slice(1), ...(inside.texts('args') ?? [])];
  if (args.length > 0) put(inside.ledger, [...ours, 'args'], args, inside.at('args'));
  inside.move('env', [...ours, 'env']);
  inside.move('working_dir', [...ours, 'cwd']);
}

/** Its `sse` is a POST whose answer may be a stream, which is no type of ours: what the server speaks is found out. */
function convertRemote(inside: Block, ours: Path, kind: string): void {
  const types: Readonly<Record<string, string>> = { http: 'http', streamable_http: 'http', websocket: 'ws' };
  if (types[kind] !== undefined) put(inside.ledger, [...ours, 'type'], types[kind], inside.path);
  inside.move('url', [...ours, 'url']);
  inside.move('endpoint', [...ours, 'url']);
  const headers = inside.block('headers');
  for (const name of Object.keys(inside.take('headers') ?? {})) {
    if (!['accept', 'content-type'].includes(name.toLowerCase())) headers.move(name, [...ours, 'headers', name]);
    else headers.ignore('the transport says it', name);
  }
  const ms = inside.take('timeout_ms');
  const limit = typeof ms === 'number' ? `${ms}ms` : ms;
  if (ms !== undefined) put(inside.ledger, [...ours, 'timeout', 'max'], limit, inside.at('timeout_ms'));
}

function convertTools(block: Block, ours: Path): void {
  const routing = block.block('routing');
  const routed = routing.texts('tools') ?? [];
  if (routed.length > 0) routing.move('tools', [...ours, 'tools', 'allow']);
  else routing.ignore('an empty list chooses nothing', 'tools');
  block.move('allowed_tools', [...ours, 'tools', 'allow']);
  block.move('denied_tools', [...ours, 'tools', 'deny']);
  block.move('read_only', [...ours, 'readOnly']);
}

function convertLimits(block: Block, ours: Path, isStdio: boolean): void {
  const limits = block.block('limits');
  limitTime(limits, 'timeout', ours);
  if (isStdio) {
    limits.move('memory', [...ours, 'sandbox', 'memory']);
    limits.move('cpu', [...ours, 'sandbox', 'cpu'], (cores) => (typeof cores === 'number' ? cores * 100 : cores));
  } else limits.ignore('nothing is started for it, so there is nothing to bound', 'memory cpu');
  limitCount(limits, 'max_concurrent', 'serverConcurrency');
  limitCount(limits, 'queue_size', 'serverQueue');
  limits.refuse('says no time; `limits.rate.perServer` is calls per time, such as "600/m"', 'max_requests');
}

/** A time for one request in all: progress does not renew it. The shortest counts. */
function limitTime(owner: Block, key: string, ours: Path): void {
  const value = owner.take(key);
  if (value !== undefined) putLeast(owner.ledger, [...ours, 'timeout', 'max'], value, owner.at(key), durationOf);
}

/** What holds for all servers of a kind, as the guide of Only1MCP has it. */
function convertTransports(root: Block, all: readonly Server[]): void {
  const http = root.block('transports').block('http');
  const socket = root.block('transports').block('websocket');
  const remote = all.filter(({ isStdio }) => !isStdio);
  if (remote.length === 0) for (const block of [http, socket]) block.dismiss('no server is reached by it');
  else {
    for (const { ours } of remote) {
      limitTime(http, 'timeout', ours);
      http.move('connect_timeout', [...ours, 'timeout', 'connect']);
    }
    http.ignore(pooled, 'user_agent keep_alive keep_alive_timeout compression retry');
    limitSize(socket, 'max_message_size', 'upstreamMessage');
    socket.ignore(
      pooled,
      'max_frame_size compression ping_interval pong_timeout auto_reconnect reconnect_delay max_reconnect_delay',
    );
  }
}

/** Both places that speak of cages. A level that is written is one that must be there. */
function convertSandbox(root: Block, all: readonly Server[]): void {
  const general = root.block('security').block('sandbox');
  const ofStdio = root.block('transports').block('stdio').block('sandbox');
  const children = all.filter(({ isStdio }) => isStdio);
  for (const block of [general, ofStdio]) {
    if (children.length === 0) block.dismiss('no server is started, so there is nothing to cage');
    if (!block.isOn()) continue;
    for (const { ours } of children) cage(block, [...ours, 'sandbox']);
    block.refuse(
      'nothing of ours bounds this; take it away, or bound the whole gateway where it is started',
      'blocked_syscalls resource_limits.nofile resource_limits.memlock',
    );
  }
}

function cage(block: Block, ours: Path): void {
  const bounds = [
    ['max_memory_mb', 'memory', (value: unknown) => (typeof value === 'number' ? `${value} MiB` : value), sizeOf],
    ['max_cpu_percent', 'cpu', (value: unknown) => value, countOf],
  ] as const;
  put(block.ledger, [...ours, 'level'], 'standard', block.path);
  for (const [key, ourKey, change, size] of bounds) {
    const value = block.take(key);
    if (value !== undefined) putLeast(block.ledger, [...ours, ourKey], change(value), block.at(key), size);
  }
  block.move('allowed_paths', [...ours, 'write']);
  block.block('resource_limits').move('nproc', [...ours, 'processes']);
}

/** An upper bound in bytes under `limits`. */
export function limitSize(owner: Block, key: string, ours: string): void {
  const value = owner.take(key);
  if (value !== undefined) putLeast(owner.ledger, ['limits', ours], value, owner.at(key), sizeOf);
}

/** An upper bound on a number under `limits`. */
export function limitCount(owner: Block, key: string, ours: string): void {
  const value = owner.take(key);
  if (value !== undefined) putLeast(owner.ledger, ['limits', ours], value, owner.at(key), countOf);
}

function countOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function sizeOf(value: unknown): number | undefined {
  return typeof value === 'string' || typeof value === 'number' ? parseSize(value) : undefined;
}

function durationOf(value: unknown): number | undefined {
  return typeof value === 'string' || typeof value === 'number' ? parseDuration(value) : undefined;
}
