/**
 * The bill of materials: every room of the gateway, provisioned from the configuration and given as functions what it
 * needs of the others. Nothing is started here.
 */

import { randomBytes } from 'node:crypto';
import type { Leg } from '@sallyport/client';
import {
  principalKey,
  type Exchange,
  type Principal,
  type Served,
  type Session,
  type Visitor,
} from '@sallyport/server';
import { Drain, type Admission } from './admission/index.ts';
import { createBridge, type Bridge } from './bridge/index.ts';
import { bridgeOptions } from './wiring/bridge-options.ts';
import { createChildren, type Children } from './wiring/children.ts';
import { logIdOf, type Audience, type Call, type Instance } from './call.ts';
import { CatalogRoom, type CatalogView, type ListKind, type Source } from './catalog/index.ts';
import { catalogOptions } from './wiring/catalog-options.ts';
import { LIST_KINDS } from './catalog/snapshot.ts';
import { sourceOf } from './catalog/source.ts';
import type { Config, ServerConfig } from './config/index.ts';
import { describeError, type LogFailure } from './errors.ts';
import { openInterceptors, type Interceptors } from './wiring/interceptor-options.ts';
import { instanceFor, principalInstance } from './isolation/index.ts';
import type { Projects } from './isolation/project.ts';
import type { ProgramStatus } from './installs/index.ts';
import { createLoginActs } from './logins/acts.ts';
import { createAnnouncements, type Announcements } from './logins/announcements.ts';
import { followLogins } from './wiring/login-news.ts';
import { LOCAL } from './wiring/local.ts';
import { openOwnTools, type OwnTools } from './wiring/own-tools.ts';
import { createPipeline } from './pipeline.ts';
import { createExplain, type Explain, type Policy } from './policy/index.ts';
import type { RoomOptions, Rooms } from './rooms.ts';
import { createServed } from './served.ts';
import { ownSource } from './wiring/saved-tools.ts';
import { catalogSetup, enabledServers, loginServers, upstreamServer } from './servers.ts';
import { createProjects, createSteps, openAdmission, type SavedTools, type StepParts } from './steps.ts';
import { subscriptionOptions } from './wiring/subscription-options.ts';
import { SubscriptionsRoom } from './subscriptions/index.ts';
import { taskOptions } from './wiring/task-options.ts';
import { TaskRoom } from './tasks/index.ts';
import { callFacts, createMeasure, type Measure } from './telemetry/measure.ts';
import { ownerOf, upstreamOptions } from './wiring/upstream-options.ts';
import { createYoungHeap } from './young-heap.ts';
import { UpstreamRoom } from './upstream/index.ts';

export function createRooms(options: RoomOptions): Rooms {
  return new Assembly(options);
}

/** The rooms, each made of what it is given of the others. They reach each other only when all of them stand. */
class Assembly implements Rooms {
  readonly upstreams: UpstreamRoom;
  readonly catalog: CatalogRoom;
  readonly interceptors: Interceptors;
  readonly served: Served;
  readonly #options: RoomOptions;
  #config: Config;
  /** Enabled ones, in configuration order. */
  #servers: readonly ServerConfig[];
  readonly #sessions: Set<Session> = new Set();
  readonly #drain: Drain = new Drain();
  readonly #admission: Admission;
  #policy: Policy;
  readonly #subscriptions: SubscriptionsRoom;
  readonly #tasks: TaskRoom;
  readonly #projects: Projects;
  readonly #bridge: Bridge;
  readonly #own: OwnTools;
  readonly #saved: SavedTools = {
    owns: (server) => this.#ownOf(server) !== undefined,
    run: (call) => this.#own.code.runSaved(call),
  };
  readonly #announcements: Announcements;
  readonly #children: Children;
  readonly #usePersonal: () => void;

  constructor(options: RoomOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#policy = options.policy;
    this.#servers = enabledServers(options.config);
    this.#children = createChildren(options, () => this.#config.strict);
    const live = { config: () => this.#config, policy: () => this.#policy, refresh: this.#refresh };
    this.interceptors = openInterceptors({ ...live, options, children: this.#children });
    const later = { ...live, subscriptions: () => this.#subscriptions, tasks: () => this.#tasks };
    this.upstreams = new UpstreamRoom(
      upstreamOptions({
        ...later,
        options,
        children: this.#children,
        servers: this.#servers.map(upstreamServer),
        upstreams: () => this.upstreams,
      }),
    );
    const { upstreams } = this;
    this.catalog = new CatalogRoom(
      catalogOptions({ ...later, options, upstreams, own: this.#ownOf, lists: this.interceptors.lists }),
    );
    this.#announcements = createAnnouncements({ randomId, now: options.now });
    const rooms = {
      ...later,
      handle: (exchange: Exchange) => pipeline.handle(exchange),
      inner: (outer: Call, exchange: Exchange) => pipeline.inner(outer, exchange),
      options,
      upstreams,
      limits: () => this.#config.limits,
      announcements: this.#announcements,
      catalog: this.catalog,
      audienceOf: this.#audienceOf,
      viewOf: this.#viewOf,
      legsFor: this.#legsFor,
    };
    this.#admission = openAdmission(options, rooms.limits, { upstreams, saved: this.#saved });
    this.#subscriptions = new SubscriptionsRoom(
      subscriptionOptions({ ...rooms, discovery: () => this.#own.discovery }),
    );
    this.#tasks = new TaskRoom(taskOptions(rooms));
    this.#projects = createProjects(options);
    this.#bridge = createBridge(bridgeOptions({ ...rooms, randomId }));
    this.#own = openOwnTools({ ...rooms, bridge: this.#bridge });
    this.#usePersonal = followLogins({ ...rooms, servers: this.#names });
    const steps = createSteps(this.#stepParts());
    const pipeline = createPipeline(steps, this.#logFailure, this.#measure, options.audit, createYoungHeap());
    this.served = createServed({
      ...rooms,
      pipeline,
      admission: this.#admission,
      subscriptions: this.#subscriptions,
      tasks: this.#tasks,
      projects: this.#projects,
      sessions: this.#sessions,
      levelChanged: this.#levelChanged,
    });
  }

  get sessions(): Iterable<Session> {
    return this.#sessions;
  }

  sandbox(server: string): ReturnType<Rooms['sandbox']> {
    return this.#options.sandboxes.status(server);
  }

  program(server: string): ProgramStatus {
    return this.#children.program(server);
  }

  blocked(server: string): readonly string[] {
    return this.#options.egress.notes(server);
  }

  get parkedCalls(): number {
    return this.#bridge.parked;
  }

  get config(): Config {
    return this.#config;
  }

  pinNotes(): readonly string[] {
    return this.#options.pins.notes();
  }

  relist(): readonly string[] {
    // What is somebody's own is asked for him when he comes.
    const names = this.#servers
      .map(({ name }) => name)
      .filter((name) => !this.upstreams.personal(name) && this.upstreams.legs(name).length > 0);
    for (const name of names) this.#refresh(name, LIST_KINDS);
    return names;
  }

  auditNotes(): readonly string[] {
    return this.#options.audit.notes();
  }

  place(path: string, query: string, principal: Principal): string | undefined {
    const audience = this.#ruled({ endpoint: path, principal });
    const placed = this.catalog.place(path, query, audience);
    return typeof placed === 'object' && 'name' in placed ? placed.name : undefined;
  }

  rolesOf(principal: Principal): ReadonlySet<string> {
    return this.#policy.rolesOf(principal);
  }

  get explain(): Explain {
    const { now, rolesOfKey } = this.#options;
    return createExplain({
      policy: () => this.#policy,
      whole: (view, principal, ruled) => this.catalog.viewNamed(view, principal, ruled),
      rolesOfKey,
      now,
    });
  }

  get logins(): Rooms['logins'] {
    const { logins } = this.#options;
    const acts = createLoginActs({
      logins,
      user: LOCAL,
      servers: this.#names,
      reach: (server, owner) => this.upstreams.leg(server, 'stateless', owner && instanceFor(owner)),
    });
    return { ...acts, waitsForUser: (server) => logins.waitsFor(server, LOCAL) };
  }

  replace(config: Config, policy: Policy): void {
    const servers = enabledServers(config);
    // It may throw: nothing has changed by then.
    const upstreams = servers.map(upstreamServer);
    const before = this.#subscriptions.standing();
    this.#policy = policy;
    this.#options.learnOwn(config);
    this.interceptors.use(config.interceptors);
    const { gone, removed } = this.catalog.replace(catalogSetup(config));
    this.#options.logins.replace(loginServers(config), config.egress.allow);
    this.upstreams.replace(upstreams, config.limits.drainMs);
    this.#config = config;
    this.#servers = servers;
    this.#usePersonal();
    this.#subscriptions.audiencesChanged(before);
    this.#subscriptions.serversRemoved(removed);
    for (const endpoint of gone) this.#subscriptions.endpointGone(endpoint);
  }

  forget(owner: string): void {
    const told = (what: string) => (error: unknown) =>
      this.#options.log('warn', `${what} could not be dropped`, { error: String(error) });
    for (const { name: server } of this.#servers) {
      this.upstreams.end(server, owner);
      this.catalog.forget(server, owner).catch(told(`a catalogue of ${server}`));
    }
    this.#own.results.forget(owner).catch(told('results'));
  }

  dropResults(isOut: (owner: string) => Promise<boolean>): Promise<void> {
    return this.#own.results.forgetWhere(isOut);
  }

  drain(): Promise<void> {
    const idle = this.#drain.begin();
    this.#subscriptions.close();
    this.#bridge.close();
    return idle;
  }

  async close(): Promise<void> {
    this.#children.close();
    this.#own.discovery.close();
    await Promise.all([
      this.#own.code.close(),
      this.interceptors.close(),
      this.upstreams.close(),
      this.#admission.close(),
      this.#own.results.close(),
    ]);
  }

  destroy(): void {
    this.#children.close();
    this.#own.discovery.close();
    void this.#own.code.close();
    this.interceptors.destroy();
    this.upstreams.destroy();
  }

  #stepParts(): StepParts {
    return {
      options: this.#options,
      limits: () => this.#config.limits,
      policy: () => this.#policy,
      drain: this.#drain,
      admission: this.#admission,
      upstreams: this.upstreams,
      saved: this.#saved,
      interceptors: this.interceptors,
      subscriptions: this.#subscriptions,
      tasks: this.#tasks,
      projects: this.#projects,
      bridge: this.#bridge,
      discovery: this.#own.discovery,
      results: this.#own.results,
      announcements: this.#announcements,
      isUnlisted: (server, { principal }) =>
        this.upstreams.personal(server)
          ? !this.#options.logins.hasToken(server, principal)
          : this.catalog.snapshot(server) === undefined,
      view: this.#viewOf,
      viewNameOf: (endpoint) => this.catalog.viewNameOf(endpoint),
      levelChanged: this.#levelChanged,
      randomId,
    };
  }

  readonly #ownOf = (server: string): Source | undefined => ownSource(server, this.#config.tools, this.#options.info);

  readonly #names = (): readonly string[] => this.#servers.map(({ name }) => name);

  /** Undefined without a policy, and where nothing is anybody's own: everything may be seen then. */
  readonly #audienceOf = ({ endpoint, principal }: Visitor): Audience | undefined =>
    this.catalog.audienceOf(endpoint, principal, this.#ruled({ endpoint, principal }));

  /** Those that lists are asked of for somebody. */
  readonly #legsFor = (server: string, { principal }: Pick<Visitor, 'principal'>): readonly Leg[] => {
    const own = principalInstance({ key: principalKey(principal), principal });
    return this.upstreams.legs(server, this.upstreams.personal(server) ? own : undefined);
  };

  /** What the policy says. */
  #ruled({ endpoint, principal }: Visitor): Audience | undefined {
    if (this.#config.policy === undefined) return undefined;
    return this.#policy.audienceOf(principal, this.catalog.viewNameOf(endpoint));
  }

  readonly #viewOf = (visitor: Visitor): CatalogView => this.catalog.view(visitor.endpoint, this.#audienceOf(visitor));

  readonly #levelChanged = (): void => this.upstreams.setLevels([...this.#sessions].map(({ logLevel }) => logLevel));

  get #measure(): Measure<Call> {
    const { log, metrics } = this.#options;
    return createMeasure({ metrics, log, logId: logIdOf, monotonic: () => performance.now() });
  }

  readonly #logFailure: LogFailure = (logId, call, error) => {
    const detail = { ...callFacts(call, logId), error: describeError(error) };
    this.#options.log(call.exchange.cancelled ? 'debug' : 'warn', 'a call failed', detail);
  };

  /** Lists of a personal server are its instance's owner's; of all others the gateway's own instance is asked. */
  readonly #refresh = (server: string, kinds: readonly ListKind[], instance?: Instance): void => {
    const own = this.upstreams.personal(server) ? instance : undefined;
    const legs = this.upstreams.legs(server, own);
    if (legs.length === 0) return;
    const source = sourceOf(legs);
    if (own === undefined) void this.catalog.refresh(server, source, kinds);
    else void this.catalog.refreshFor(server, ownerOf(own), source, kinds);
  };
}

/** Nobody guesses it. */
const randomId = (): string => randomBytes(16).toString('base64url');
