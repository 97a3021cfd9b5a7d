/** How many instances of a server there may be, and which gives way. */
import type { Upstream, UpstreamState } from '@sallyport/client';
import { describe, expect, it } from 'vitest';
import type { Instance } from '../call.ts';
import { Instances, type UpstreamServer } from './instances.ts';

interface Fake {
  state: UpstreamState;
  inFlight: number;
  closed: boolean;
}

const remote = { kind: 'http', url: new URL('https://up.test/mcp'), headers: {} } as const;
const child = { kind: 'stdio', command: 'server', args: [], env: {}, cwd: '/' } as const;
const of = (name: string): Instance => ({ key: name, owner: name, principal: { issuer: 'local', subject: name } });

function instancesOf(target: UpstreamServer['target']): {
  readonly all: Map<string, Fake>;
  readonly open: (name: string) => unknown;
} {
  const all = new Map<string, Fake>();
  const create = (_server: UpstreamServer, instance: Instance | undefined): Upstream => {
    const fake: Fake = { state: 'up', inFlight: 0, closed: false };
    all.set(instance?.key ?? '', fake);
    const upstream = {
      status: () => ({ state: fake.state }),
      get legs() {
        return [{ inFlight: fake.inFlight }];
      },
      close: async () => void (fake.closed = true),
    };
    return upstream as unknown as Upstream;
  };
  const timeout = { connectMs: 1, callMs: 1, maxMs: 1 };
  const server: UpstreamServer = { name: 'up', target, isolation: 'principal', era: 'auto', idleMs: 0, timeout };
  const instances = new Instances({ server, emptyFolder: '/', create, maxRemote: 100 });
  return { all, open: (name) => instances.open(of(name)) };
}

const closedIn = (all: ReadonlyMap<string, Fake>): readonly string[] =>
  [...all].flatMap(([name, { closed }]) => (closed ? [name] : []));

describe('a remote server', () => {
  it('has a session for each principal, of which the one longest not asked for gives way when it is idle', () => {
    const { all, open } = instancesOf(remote);
    for (let n = 0; n < 100; n++) open(`p${n}`);
    expect(closedIn(all)).toEqual([]);
    open('p0');
    Object.assign(all.get('p1')!, { inFlight: 1 });
    open('new');
    expect(closedIn(all)).toEqual(['p2']);
    for (const fake of all.values()) fake.inFlight = 1;
    expect(() => open('one more')).toThrow('More than 100');
  });
});

describe('children', () => {
  it('are 64 at most, and one that is up does not give way', () => {
    const { all, open } = instancesOf(child);
    for (let n = 0; n < 64; n++) open(`p${n}`);
    expect(() => open('new')).toThrow('More than 64');
    Object.assign(all.get('p5')!, { state: 'idle' });
    open('new');
    expect(closedIn(all)).toEqual(['p5']);
  });
});
