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
  Reach,
  SandboxDescription,
  SandboxFacts,
  SandboxPlan,
  Sandboxes,
  SandboxSpec,
  Survey,
} from '@sallyport/host/sandbox';
import type * as Host from '@sallyport/host/sandbox';
import type { SandboxSettings } from '../call.ts';
import { homeFor } from './home.ts';
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
  readonly log: (level: 'info' | 'warn', text: string, detail?: Readonly<Record<string, unknown>>) => void;
}

export interface WayOptions {
  readonly server: string;
  readonly hosts: readonly string[];
  /** Whom the child runs as, where that is another than this process. */
  readonly user: User | undefined;
}

export interface Way {
  /** Absolute, of the socket. */
  readonly path: string;
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
interface Driver {
  readonly host: typeof Host;
  readonly facts: SandboxFacts;
  readonly sandboxes: Sandboxes;
  /** Another user can be let through folders of root's. */
  readonly makesWays: boolean;
  /** Whether what root owns on the file system of a path can be another user's for one child. */
  readonly mapsOwner: (path: string, user: User) => Promise<boolean>;
  /** To be removed in the end. */
  readonly temporary: string | undefined;
}

interface Planned {
  readonly plan: SandboxPlan;
  readonly told: SandboxDescription;
  readonly prepare: () => Promise<PreparedChild>;
}

export function createSandboxRoom(options: SandboxRoomOptions): SandboxRoom {
  const statuses = new Map<string, SandboxStatus>();
  let driver: Promise<Driver> | undefined;
  const planned = async (owner: ChildOwner, child: ChildCommand): Promise<Planned> => {
    const opened = await (driver ??= openDriver(options));
    const { facts, host, sandboxes } = opened;
    const way = await wayFor(owner, facts, options);
    const release = async (): Promise<void> => await way?.close();
    const spec = await releasing(release, specOf(child, owner, facts, options));
    const plan = await releasing(release, planFor(way === undefined ? spec : { ...spec, proxy: way.path }, opened));
    const prepare = async (): Promise<PreparedChild> => {
      const prepared = await releasing(release, sandboxes.prepare(plan));
      return { ...prepared, release: async () => void (await Promise.all([prepared.release(), release()])) };
    };
    return { plan, told: host.describeSandbox(plan), prepare };
  };
  return {
    launch: (owner) => async (child) => {
      const { server, settings } = owner;
      const { plan, told, prepare } = await planned(owner, child);
      const { summary, missing, gaps } = told;
      const variables = Object.keys(plan.env).filter((name) => plan.env[name] !== child.env[name]);
      statuses.set(server, { level: plan.level, summary, gaps: [...missing, ...gaps], variables });
      const prepared = await prepare();
      const isWeaker = settings.level === undefined && plan.level !== 'standard' && plan.level !== 'container';
      options.log(isWeaker ? 'warn' : 'info', 'a child is started', {
        server,
        command: child.command,
        sandbox: summary,
        ...(gaps.length > 0 && { gaps }),
      });
      return prepared;
    },
    cage: async (owner, child) => await (await planned(owner, child)).prepare(),
    status: (server) => statuses.get(server),
    async close() {
      const temporary = (await driver)?.temporary;
      if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
    },
  };
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
  return await openWay({ server, hosts: network, user: childUser(written, facts) });
}

async function openDriver({ stateDirectory }: SandboxRoomOptions): Promise<Driver> {
  const host = await import('@sallyport/host/sandbox');
  const temporary = stateDirectory === undefined ? await mkdtemp(join(tmpdir(), 'sallyport-sandbox-')) : undefined;
  const folder = temporary ?? join(stateDirectory ?? '', 'sandbox');
  const groupName = (): string => `sallyport-${process.pid}-${randomUUID()}`;
  const facts = await host.createDetect()();
  const sandboxes = host.createSandboxes({ folder, groupName });
  const devices = new Map<number, Promise<boolean>>();
  const mapsOwner: Driver['mapsOwner'] = async (path, user) => {
    const { dev } = await stat(path);
    const known = devices.get(dev) ?? host.canMapOwner(facts, user, path);
    devices.set(dev, known);
    return await known;
  };
  return { host, facts, sandboxes, makesWays: await host.canMakeWays(facts), mapsOwner, temporary };
}

async function specOf(
  { command, args, cwd, env }: ChildCommand,
  { home, revealed, settings }: ChildOwner,
  facts: SandboxFacts,
  { hidden, stateDirectory }: SandboxRoomOptions,
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

/**
 * Root's children are another user's, who may not get to what they need. Where nothing was written they then stay root,
 * without its capabilities; a level or user that was written is not weakened.
 */
async function planFor(spec: SandboxSpec, driver: Driver): Promise<SandboxPlan> {
  const { host, facts, makesWays } = driver;
  const survey = await host.surveyPaths(spec);
  const plan = host.planSandbox(spec, facts, survey);
  const { user } = plan;
  if (user === undefined || plan.missing.length > 0) return plan;
  const real = (entries: readonly { readonly real: string }[]): readonly string[] => entries.map((entry) => entry.real);
  const written = await host.reachOf(real(survey.write), user);
  // A cage has a working folder that is not bound as an empty one.
  const folder = plan.filter === undefined ? [spec.cwd] : [];
  const read = await host.reachOf([spec.command, ...folder, ...real(survey.read)], user);
  const home = await host.reachOf(plan.level === 'standard' && spec.home !== undefined ? [spec.home] : [], user);
  const needed = [...written, ...read, ...home];
  const wanted = [
    ...written.filter(({ writable }) => !writable),
    ...[...read, ...home].filter(({ readable }) => !readable),
  ];
  const own = await given(spec, { plan, user, wanted }, driver);
  const barred = needed.filter(
    ({ barrier, path, readable }) => !(readable || own.has(path)) || (barrier !== undefined && !makesWays),
  );
  // Of a mode that a child could have brought about itself, or a folder it could have moved there, nothing better may come.
  const isOfChild = ({ ofRoot, path }: Reach): boolean =>
    !ofRoot || written.some((one) => one.writable && one.path !== path && host.isInside(one.path, path));
  const spoilt = barred.filter(isOfChild);
  if (spoilt.length > 0) return unreadable({ ...plan, user }, quoted(spoilt));
  if (barred.length > 0) return stayingRoot(spec, { ...plan, user }, quoted(barred), { driver, survey });
  const kept = written.filter(({ path, writable }) => !writable && !own.has(path));
  const gap = `User ${user.uid}, whom it runs as, may not write to ${quoted(kept)}: give it to that user, or write "user".`;
  const told = kept.length === 0 ? plan : { ...plan, gaps: [...plan.gaps, gap] };
  return host.withWays(host.withOwner(told, [...own], facts), needed);
}

/**
 * Of what root owns and its child may not use as it must, the folders that can be the child's own. Only in a cage, whose filter
 * keeps it from leaving programs there that run as root; and a user that was chosen has the rights of that user.
 */
async function given(
  spec: SandboxSpec,
  { plan, user, wanted }: { readonly plan: SandboxPlan; readonly user: User; readonly wanted: readonly Reach[] },
  { mapsOwner }: Driver,
): Promise<ReadonlySet<string>> {
  const own = new Set<string>();
  if (spec.user !== undefined || plan.filter === undefined) return own;
  for (const { ofRoot, path } of wanted) {
    if (ofRoot && path !== '/' && (await mapsOwner(path, user))) own.add(path);
  }
  return own;
}

function unreadable(plan: SandboxPlan & { readonly user: User }, paths: string): SandboxPlan {
  const why = `User ${plan.user.uid}, whom a server of root runs as, may not read ${paths}, which is not root's alone.`;
  const remedy = 'Let that user read it (chmod u+rwx), or name another folder.';
  return { ...plan, missing: [{ layer: 'user', why, remedy }] };
}

function stayingRoot(
  spec: SandboxSpec,
  plan: SandboxPlan & { readonly user: User },
  paths: string,
  { driver, survey }: { readonly driver: Driver; readonly survey: Survey },
): SandboxPlan {
  const { facts, host } = driver;
  const why = `User ${plan.user.uid}, whom a server of root runs as, may not read ${paths}.`;
  const remedy = 'Let that user read it, start Sallyport as another user than root, or write "user": "root".';
  if (spec.level !== undefined || spec.user !== undefined) {
    return { ...plan, missing: [{ layer: 'user', why, remedy }] };
  }
  const asRoot = host.planSandbox({ ...spec, level: 'limited', user: facts.user }, facts, survey);
  return { ...asRoot, gaps: [`Not "standard", and not as another user: ${why} ${remedy}`, ...asRoot.gaps] };
}

function quoted(entries: readonly Reach[]): string {
  return [...new Set(entries.map(({ path }) => `"${path}"`))].slice(0, 3).join(', ');
}
