/**
 * The sandbox of the children: at every start of one it is planned and prepared by level (docs/SANDBOX.md), and what came of
 * it is told and kept for `list`. A level that was written is required: where a layer is missing, the start fails and says
 * what to do. How a child is caged is the business of @sallyport/host; nothing is started here.
 */

import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChildCommand, Launch, PreparedChild } from '@sallyport/client';
import type {
  LevelInForce,
  SandboxDescription,
  SandboxFacts,
  SandboxPlan,
  Sandboxes,
  SandboxSpec,
  Survey,
} from '@sallyport/host/sandbox';
import type { SandboxSettings } from '../call.ts';
import { watchHidden } from './exposure.ts';
import { homeFor } from './home.ts';
import { planChild, type Planner } from './plan-child.ts';
import { userNamed, type User } from './user.ts';

/** Whom root's children run as. */
const NOBODY: User = { uid: 65_534, gid: 65_534 };

/** Whose child it is. */
export interface ChildOwner {
  readonly server: string;
  readonly settings: SandboxSettings;
  /** Whose files the home holds: the same text, the same home. Undefined: it has an empty one at each start. */
  readonly home: string | undefined;
  /** Folders of the state that it gets all the same. */
  readonly revealed?: readonly string[];
}

/** As it was at the last start. */
export interface SandboxStatus {
  /** In force. */
  readonly level: LevelInForce;
  /** One line: the level and what enforces it. */
  readonly summary: string;
  /** Sentences: what is not there though it would be better; when the server was not started, why. */
  readonly gaps: readonly string[];
  /** Names of the environment's variables that it sets. */
  readonly variables: readonly string[];
}

export interface SandboxRoomOptions {
  /** Where state is kept; undefined: nowhere, and no child has a home that lasts. */
  readonly stateDirectory: string | undefined;
  /** Absolute paths that no child sees, besides the state. */
  readonly hidden: () => readonly string[];
  /** The way to the hosts that are named, for a child that has no other: a socket that its user may open. */
  readonly openWay: (child: WayOptions) => Promise<Way>;
  /** Something that is hidden from a server's children is in their sight: they must end at once. */
  readonly exposed: (server: string) => void;
  /** Of this process: what a child's `HOME` is where nobody has written one. */
  readonly ownHome: string | undefined;
  readonly log: (level: 'info' | 'warn', text: string, detail?: Readonly<Record<string, unknown>>) => void;
}

export interface WayOptions {
  readonly server: string;
  readonly hosts: readonly string[];
  /** Whom the child runs as, where that is another than this process. */
  readonly user: User | undefined;
  /** It has this machine's loopback, and no other way to a socket. */
  readonly onLoopback: boolean;
}

export interface Way {
  /** Absolute, of the socket; empty where there is a port instead. */
  readonly path: string;
  /** The same on loopback, with a secret of this child's, where that was asked for. */
  readonly url?: string;
  /** When the child has ended, or was not started. */
  close(): Promise<void>;
}

export interface SandboxRoom {
  /** What starts a server's children. */
  launch(owner: ChildOwner): Launch;
  /** The same for one child that does something else for a server: nothing is told or kept of it. */
  cage(owner: ChildOwner, child: ChildCommand): Promise<PreparedChild>;
  /** Undefined: the server was not started yet. */
  status(server: string): SandboxStatus | undefined;
  /** What was started has ended. */
  close(): Promise<void>;
}

/** What the work needs of the machine, found out at the first start of a child. */
interface Driver extends Planner {
  readonly sandboxes: Sandboxes;
  /** With a container engine, which takes time to ask. */
  readonly withEngine: () => Promise<SandboxFacts>;
  /** To be removed in the end. */
  readonly temporary: string | undefined;
}

interface Planned {
  readonly plan: SandboxPlan;
  readonly spec: SandboxSpec;
  readonly survey: Survey;
  readonly isInside: Planner['host']['isInside'];
  readonly told: SandboxDescription;
  readonly prepare: () => Promise<PreparedChild>;
}

export function createSandboxRoom(options: SandboxRoomOptions): SandboxRoom {
  const statuses = new Map<string, SandboxStatus>();
  /** Real paths of folders that each server may write to, as of its last start. */
  const written = new Map<string, readonly string[]>();
  let driver: Promise<Driver> | undefined;
  const planned = async (owner: ChildOwner, child: ChildCommand): Promise<Planned> => {
    const opened = await forImage(await (driver ??= openDriver(options)), owner);
    const { facts, host, sandboxes } = opened;
    const way = await wayFor(owner, facts, options);
    const release = async (): Promise<void> => await way?.close();
    const spec = await releasing(release, specOf(child, owner, facts, options));
    const whole = way === undefined ? spec : through(way, spec);
    const survey = await releasing(release, host.surveyPaths(whole));
    const plan = await releasing(release, planChild(whole, survey, opened));
    const prepare = async (): Promise<PreparedChild> => {
      const prepared = await releasing(release, sandboxes.prepare(plan));
      return { ...prepared, release: async () => void (await Promise.all([prepared.release(), release()])) };
    };
    return { plan, spec: whole, survey, isInside: host.isInside, told: host.describeSandbox(plan), prepare };
  };
  return {
    launch: (owner) => async (child) => {
      const { server, settings } = owner;
      const { plan, prepare, told, ...seen } = await planned(owner, child);
      const { summary, missing, gaps } = told;
      const variables = variablesOf(plan, child);
      statuses.set(server, { level: plan.level, summary, gaps: [...missing, ...gaps], variables });
      written.set(server, isCage(plan) ? seen.survey.write.filter(isFolder).map(({ real }) => real) : []);
      const endWatch = hidesByFile(plan) ? await watchFor(server, seen, options) : undefined;
      const prepared = await prepare().catch((error: unknown) => {
        endWatch?.();
        throw error;
      });
      const isWeaker = settings.level === undefined && plan.level !== 'standard' && plan.level !== 'container';
      options.log(isWeaker ? 'warn' : 'info', 'a child is started', {
        server,
        command: child.command,
        sandbox: summary,
        ...(gaps.length > 0 && { gaps }),
      });
      return {
        ...prepared,
        release: async () => {
          endWatch?.();
          await prepared.release();
        },
      };
    },
    cage: async (owner, child) => await (await planned(owner, child)).prepare(),
    status: (server) => {
      const status = statuses.get(server);
      const shared = sharedFolders(server, written);
      return status && shared.length > 0 ? { ...status, gaps: [...status.gaps, ...shared] } : status;
    },
    async close() {
      const temporary = (await driver)?.temporary;
      if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
    },
  };
}

const isCage = ({ level }: SandboxPlan): boolean => level === 'strict' || level === 'standard';

/** What is hidden by its name is hidden when something else takes that name, too. */
function hidesByFile(plan: SandboxPlan): boolean {
  return isCage(plan) && plan.driver !== 'seatbelt' && plan.driver !== 'sandbox-runtime';
}

/** Those that it sets; a container's are those of its image, and what an engine's command gets is another matter. */
function variablesOf({ engine, env }: SandboxPlan, child: ChildCommand): readonly string[] {
  if (engine !== undefined) return ['HOME', 'PATH', 'TMPDIR'];
  return Object.keys(env).filter((name) => env[name] !== child.env[name]);
}

/** With a container engine, where one is wanted. */
async function forImage(driver: Driver, { settings }: ChildOwner): Promise<Driver> {
  return settings.image === undefined ? driver : { ...driver, facts: await driver.withEngine() };
}

function through({ path, url }: Way, spec: SandboxSpec): SandboxSpec {
  return url === undefined ? { ...spec, proxy: path } : { ...spec, proxyUrl: url };
}

/** Gives what ends it. */
function watchFor(
  server: string,
  { isInside, spec, survey }: Pick<Planned, 'isInside' | 'spec' | 'survey'>,
  { exposed, log }: SandboxRoomOptions,
): ReturnType<typeof watchHidden> {
  return watchHidden({
    hidden: spec.hidden,
    seen: [...survey.read, ...survey.write].filter(isFolder).map(({ real }) => real),
    isInside,
    exposed: (path) => {
      const text =
        'a hidden file was replaced where a server could see it: that one is ended, and the next does not see it';
      log('warn', text, { server, path });
      exposed(server);
    },
    failed: (error) => log('warn', 'nobody notices when a hidden file is replaced', { server, error: String(error) }),
  });
}

/** What fails leaves nothing open. */
async function releasing<T>(release: () => Promise<void>, work: Promise<T>): Promise<T> {
  return await work.catch(async (error: unknown) => {
    await release();
    throw error;
  });
}

/** Only the levels with a cage can keep a child to it; at the others the plan says so. */
async function wayFor(
  { server, settings: { level, network = [], user } }: ChildOwner,
  facts: SandboxFacts,
  { openWay }: SandboxRoomOptions,
): Promise<Way | undefined> {
  if (network.length === 0 || level === 'limited' || level === 'none') return undefined;
  const written = user === undefined ? undefined : await userNamed(user);
  const onLoopback = facts.platform === 'darwin';
  return await openWay({ server, hosts: network, user: childUser(written, facts), onLoopback });
}

async function openDriver({ stateDirectory }: SandboxRoomOptions): Promise<Driver> {
  const host = await import('@sallyport/host/sandbox');
  const temporary = stateDirectory === undefined ? await mkdtemp(join(tmpdir(), 'sallyport-sandbox-')) : undefined;
  const folder = temporary ?? join(stateDirectory ?? '', 'sandbox');
  const groupName = (): string => `sallyport-${process.pid}-${randomUUID()}`;
  const detect = host.createDetect();
  const facts = await detect();
  const withEngine = (): Promise<SandboxFacts> => detect({ engine: true });
  const sandboxes = host.createSandboxes({ folder, groupName });
  const devices = new Map<number, Promise<boolean>>();
  const mapsOwner: Driver['mapsOwner'] = async (path, user) => {
    const { dev } = await stat(path);
    const known = devices.get(dev) ?? host.canMapOwner(facts, user, path);
    devices.set(dev, known);
    return await known;
  };
  return { host, facts, withEngine, sandboxes, makesWays: await host.canMakeWays(facts), mapsOwner, temporary };
}

async function specOf(
  { command, args, cwd, env }: ChildCommand,
  { home, revealed, settings }: ChildOwner,
  facts: SandboxFacts,
  { hidden, ownHome, stateDirectory }: SandboxRoomOptions,
): Promise<SandboxSpec> {
  const { user: written, ...wanted } = settings;
  const user = written === undefined ? undefined : await userNamed(written);
  const lasting =
    stateDirectory !== undefined &&
    home !== undefined &&
    (await homeFor({ stateDirectory, owner: home, user: childUser(user, facts) }));
  return {
    ...wanted,
    command,
    args,
    cwd,
    env,
    ...(user !== undefined && { user }),
    ...(lasting !== false && { home: lasting }),
    ...(env['HOME'] !== undefined && env['HOME'] !== ownHome && { writtenHome: env['HOME'] }),
    ...(revealed !== undefined && { revealed }),
    hidden: [...(stateDirectory === undefined ? [] : [stateDirectory]), ...hidden()],
  };
}

/** Whom a child runs as; undefined: as this process. */
function childUser(written: User | undefined, { user }: SandboxFacts): User | undefined {
  // Nobody but root can; that it cannot be is told by the plan.
  const chosen = user.uid === 0 ? (written ?? NOBODY) : user;
  return chosen.uid === user.uid ? undefined : chosen;
}

const isFolder = ({ kind }: { readonly kind: string }): boolean => kind === 'folder';

/** A sentence for each folder that another server may write to as well. */
function sharedFolders(server: string, written: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const own = written.get(server) ?? [];
  return own.flatMap((folder) => {
    const others = [...written].filter(([name, folders]) => name !== server && folders.includes(folder));
    const names = others.map(([name]) => `"${name}"`).join(', ');
    return others.length === 0
      ? []
      : [
          `It shares the folder "${folder}" with ${names}: each can change the other's files there. Give it a "cwd" of its own.`,
        ];
  });
}
