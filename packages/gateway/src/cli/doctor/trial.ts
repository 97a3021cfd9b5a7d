/**
 * Servers tried out: in a gateway of this process alone, which opens no port, each is started or reached and asked for its
 * lists. What a gateway that runs has started is not touched.
 */
import { askAllPages, UpstreamError, type Leg } from '@sallyport/client';
import { killAllOnExit } from '@sallyport/host';
import { principalKey } from '@sallyport/server';
import type { DetailedConfig } from '../../config/load.ts';
import { createGateway, type Gateway } from '../../gateway.ts';
import { principalInstance } from '../../isolation/index.ts';
import { LOCAL } from '../../wiring/local.ts';
import type { ServerStatus } from '../../wiring/status.ts';
import { createRedactor, type Redactor } from '../../telemetry/redact.ts';
import type { CliContext } from '../context.ts';
import { count } from '../text.ts';
import { messageOf } from './state.ts';

export interface Trial {
  /** What it answered, in how much time. */
  readonly text: string;
  /** Why it did not; absent: it did. */
  readonly error?: string;
  readonly needsLogin?: boolean;
  readonly sandbox?: NonNullable<ServerStatus['sandbox']>;
  /** Hosts that it asked for and may not reach, with what opens them. */
  readonly blocked?: readonly string[];
  /** Of a package that moves: what to write to stay with the version that was installed. */
  readonly pinned?: string;
}

export interface Trials {
  attempt(server: string): Promise<Trial>;
  /** Ends what was started. */
  close(): Promise<void>;
}

export interface TrialOptions {
  readonly context: CliContext;
  readonly loaded: DetailedConfig;
  /** Those that will be tried. */
  readonly servers: readonly string[];
}

const LIST_TIMEOUT_MS = 60_000;

export async function openTrials({ context, loaded, servers }: TrialOptions): Promise<Trials> {
  const config = {
    ...loaded.config,
    servers: loaded.config.servers
      .filter(({ name }) => servers.includes(name))
      .map((server) => ({ ...server, start: 'lazy' as const })),
  };
  // What a server said before it ended may hold what it was given.
  const redactor = createRedactor();
  const gateway = await createGateway({
    config,
    redactor,
    env: context.env,
    stateDirectory: await context.files.stateDirectory(),
    version: context.version,
    log: () => undefined,
    now: context.now,
  });
  const takeBack = killAllOnExit([gateway]);
  return {
    attempt: (server) => attempt(gateway, server, redactor),
    async close() {
      await gateway.close();
      takeBack();
    },
  };
}

async function attempt({ rooms }: Gateway, name: string, redactor: Redactor): Promise<Trial> {
  const { upstreams } = rooms;
  const began = performance.now();
  const instance = upstreams.personal(name)
    ? principalInstance({ key: principalKey(LOCAL), principal: LOCAL })
    : undefined;
  const known = (): Pick<Trial, 'blocked' | 'pinned' | 'sandbox'> => {
    const sandbox = rooms.sandbox(name);
    const pinned = rooms.program(name).package?.pinned;
    return { ...(sandbox && { sandbox }), ...(pinned !== undefined && { pinned }), blocked: rooms.blocked(name) };
  };
  try {
    const leg = await upstreams.leg(name, 'stateless', instance);
    const text = await listed(leg);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    return { text: `${text} in ${seconds} s (${leg.era}, ${leg.revision})`, ...known() };
  } catch (error) {
    const needsLogin = error instanceof UpstreamError && error.reason === 'unauthorized';
    return { text: '', error: redactor.text(messageOf(error)), ...(needsLogin && { needsLogin }), ...known() };
  }
}

/** The first of its lists that it has. */
async function listed(leg: Leg): Promise<string> {
  const { capabilities } = leg.server;
  const lists = [
    ['tools', 'tool'],
    ['resources', 'resource'],
    ['prompts', 'prompt'],
  ] as const;
  const [kind, noun] = lists.find(([name]) => capabilities[name] !== undefined) ?? [];
  if (kind === undefined) return 'it answers, and offers no lists';
  const { items } = await askAllPages(leg, `${kind}/list`, kind, { timeoutMs: LIST_TIMEOUT_MS });
  return count(items.length, noun);
}
