/**
 * The plan for one child: as @sallyport/host makes it, and for the children of root with what their user needs to get to the files
 * that they were given.
 */
import type { Reach, SandboxFacts, SandboxPlan, SandboxSpec, Survey } from '@sallyport/host/sandbox';
import type * as Host from '@sallyport/host/sandbox';
import type { User } from './user.ts';

/** What planning needs of the machine. */
export interface Planner {
  readonly host: typeof Host;
  readonly facts: SandboxFacts;
  /** Another user can be let through folders of root's. */
  readonly makesWays: boolean;
  /** Whether what root owns on the file system of a path can be another user's for one child. */
  readonly mapsOwner: (path: string, user: User) => Promise<boolean>;
}

/**
 * Root's children are another user's, who may not get to what they need. Where nothing was written they then stay root,
 * without its capabilities; a level or user that was written is not weakened.
 */
export async function planChild(spec: SandboxSpec, survey: Survey, driver: Planner): Promise<SandboxPlan> {
  const { host, facts, makesWays } = driver;
  const plan = host.planSandbox(spec, facts, survey);
  const { user } = plan;
  if (user === undefined || plan.missing.length > 0) return plan;
  if (plan.engine !== undefined) return await inContainer({ ...plan, user }, survey, host);
  const real = (entries: readonly { readonly real: string }[]): readonly string[] => entries.map((entry) => entry.real);
  const written = await host.reachOf(real(survey.write), user);
  // A cage has a working folder that is not bound as an empty one.
  const unbound = plan.filter === undefined ? [spec.cwd] : [];
  const read = await host.reachOf([spec.command, ...unbound, ...real(survey.read)], user);
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
  const told = kept.length === 0 ? plan : { ...plan, gaps: [...plan.gaps, unwritable(user, kept)] };
  const isOwn = (path: string): boolean => [...own].some((folder) => host.isInside(folder, path));
  const writable = [...written, ...home].map(({ path }) => path).filter(isOwn);
  return host.withWays(host.withOwner(told, { paths: [...own], writable }, facts), needed);
}

/** An engine binds what it is told to, wherever that lies; the modes stay in force. */
async function inContainer(
  plan: SandboxPlan & { readonly user: User },
  survey: Survey,
  host: typeof Host,
): Promise<SandboxPlan> {
  const seen = await host.reachOf(
    [...survey.read, ...survey.write].map(({ real }) => real),
    plan.user,
  );
  const barred = seen.filter(({ readable }) => !readable);
  if (barred.length > 0) return unreadable(plan, quoted(barred));
  const written = await host.reachOf(
    survey.write.map(({ real }) => real),
    plan.user,
  );
  const kept = written.filter(({ writable }) => !writable);
  return kept.length === 0 ? plan : { ...plan, gaps: [...plan.gaps, unwritable(plan.user, kept)] };
}

/**
 * Of what root owns and its child may not use as it must, the folders that can be the child's own. Only in a cage, whose filter
 * keeps it from leaving programs there that run as root; and a user that was chosen has the rights of that user.
 */
async function given(
  spec: SandboxSpec,
  { plan, user, wanted }: { readonly plan: SandboxPlan; readonly user: User; readonly wanted: readonly Reach[] },
  { mapsOwner }: Planner,
): Promise<ReadonlySet<string>> {
  const own = new Set<string>();
  if (spec.user !== undefined || plan.filter === undefined) return own;
  for (const { ofRoot, path } of wanted) {
    if (ofRoot && path !== '/' && (await mapsOwner(path, user))) own.add(path);
  }
  return own;
}

const unwritable = ({ uid }: User, paths: readonly Reach[]): string =>
  `User ${uid}, whom it runs as, may not write to ${quoted(paths)}: give it to that user, or write "user".`;

function unreadable(plan: SandboxPlan & { readonly user: User }, paths: string): SandboxPlan {
  const why = `User ${plan.user.uid}, whom a server of root runs as, may not read ${paths}.`;
  const remedy = 'Let that user read it (chmod u+rwx), or name another folder.';
  return { ...plan, missing: [{ layer: 'user', why, remedy }] };
}

function stayingRoot(
  spec: SandboxSpec,
  plan: SandboxPlan & { readonly user: User },
  paths: string,
  { driver, survey }: { readonly driver: Planner; readonly survey: Survey },
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
